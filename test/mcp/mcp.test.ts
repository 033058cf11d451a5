// `chatterbox mcp` as an assistant uses it: the SDK's own client, over the pipes of a real process.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { packageRoot, readConfig } from '../../src/config.ts'
import { BUNDLED_VOICE_FILE, startServer } from '../../src/main.ts'
import { runCommand, startCommand } from '../harness/command.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { createToneEngine } from '../harness/tone-engine.ts'
import { withResolvers } from '../http/scratch-app.ts'

const KEY = 'cb_000102030405060708090a0b0c0d0e0f'
const folder = await makeTemporaryFolder()
const outputs = path.join(folder, 'outputs')
await mkdir(outputs)
after(() => rm(folder, { recursive: true, force: true }))

async function openTools(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const { PATH = '', TMPDIR = '/tmp' } = process.env
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [path.join(packageRoot, 'build/src/cli/cli.js'), 'mcp', '--folder', outputs, ...args],
    env: { PATH, TMPDIR, XDG_CACHE_HOME: path.join(folder, 'cache'), MODEL: 'preview', ...more },
    stderr: 'pipe',
  })
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(transport)
  after(() => client.close())
  const call = async (name: string, wanted: Record<string, unknown> = {}, onprogress?: (progress: object) => void) =>
    (await client.callTool({ name, arguments: wanted }, undefined, onprogress ? { onprogress } : {})) as CallToolResult
  return { client, call }
}
const textOf = ({ content }: CallToolResult): string =>
  content.map((part) => (part.type === 'text' ? part.text : '')).join('')
const audioOf = ({ content }: CallToolResult) => {
  const audio = content.find((part) => part.type === 'audio')
  assert.ok(audio?.type === 'audio')
  return { mimeType: audio.mimeType, bytes: Buffer.from(audio.data, 'base64') }
}
const here = await openTools([])

test('the tools are listed with what they take', async () => {
  const { tools } = await here.client.listTools()
  assert.deepEqual(
    tools.map(({ name }) => name),
    ['speak', 'list_voices'],
  )
  const { properties = {}, required } = tools[0]?.inputSchema ?? {}
  assert.deepEqual([Object.keys(properties), required], [['text', 'voice', 'seed', 'format', 'output'], ['text']])
})

test('without an output the audio is the answer, the same for the same seed', async () => {
  const [first, again] = [await here.call('speak', { text: 'Hello.' }), await here.call('speak', { text: 'Hello.' })]
  const { mimeType, bytes } = audioOf(first)
  assert.deepEqual([mimeType, bytes.toString('latin1', 0, 3)], ['audio/mpeg', 'ID3'])
  assert.ok(audioOf(again).bytes.equals(bytes))
  assert.deepEqual(first.structuredContent, { format: 'mp3', model: 'preview', seed: 42 })
})

test('with an output a file is written in the voice of a recording, and progress is told', async () => {
  const seen: object[] = []
  const wanted = { text: 'Hello there.', voice: BUNDLED_VOICE_FILE, output: 'hello.flac', seed: 7 }
  const result = await here.call('speak', wanted, (progress) => seen.push(progress))
  const file = path.join(outputs, 'hello.flac')
  assert.equal(textOf(result), `${file}: flac, by the preview engine, seed 7`)
  assert.equal((await readFile(file)).toString('latin1', 0, 4), 'fLaC')
  assert.deepEqual(seen.at(-1), { progress: 1, total: 1 })
})

test('voices are listed, and named by their ids', async () => {
  const result = await here.call('list_voices')
  assert.match(textOf(result), /^default: Default\..*\niris: /)
  const speak = async (voice: string) => audioOf(await here.call('speak', { text: 'Hello.', voice })).bytes
  assert.ok(!(await speak('bruno')).equals(await speak('ada')))
})

test('what is wrong is an error of the tool in our words, and no file is written for it', async () => {
  await writeFile(path.join(outputs, 'there.wav'), 'mine')
  await symlink(folder, path.join(outputs, 'out'))
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ text: ' ' }, /^text is required/],
    [{ text: 'Hello.', voice: 'nobody' }, /no voice nobody|After voice:/],
    [{ text: 'Hello.', voice: '/no/such.wav' }, /ENOENT/],
    [{ text: 'Hello.', voice: path.join(packageRoot, 'package.json') }, /^Reference media rejected/],
    [{ text: 'Hello.', output: 'hello.txt' }, /the ending says no format/],
    [{ text: 'Hello.', output: 'hello.pcm' }, /^output: use \.wav/],
    [{ text: 'Hello.', output: '../hello.wav' }, /^output: files are written in .*outputs and below/],
    [{ text: 'Hello.', output: '/etc/hello.wav' }, /^output: files are written in/],
    [{ text: 'Hello.', output: 'out/hello.wav' }, /^output: files are written in/],
    [{ text: 'Hello.', output: 'none/hello.wav' }, /^output: there is no folder none/],
    [{ text: 'Hello.', output: 'there.wav' }, /^output: there\.wav is there already/],
    [{ text: 'Hello.', format: 'aiff' }, /format/],
    [{}, /text/],
  ]
  for (const [wanted, message] of cases) {
    const result = await here.call('speak', wanted)
    assert.equal(result.isError, true, JSON.stringify(wanted))
    assert.match(textOf(result), message)
  }
  assert.equal(await readFile(path.join(outputs, 'there.wav'), 'utf8'), 'mine')
})

test('nothing but the protocol is on standard output, and the end of standard input is the end', async () => {
  const child = startCommand(['mcp', '--folder', outputs], {
    XDG_CACHE_HOME: path.join(folder, 'cache'),
    MODEL: 'preview',
  })
  const lines = [
    {
      method: 'initialize',
      id: 1,
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 't', version: '1' } },
    },
    { method: 'notifications/initialized' },
    { method: 'tools/call', id: 2, params: { name: 'speak', arguments: { text: 'Hello.' } } },
  ]
  for (const line of lines) child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...line })}\n`)
  let printed = ''
  child.stdout.setEncoding('utf8')
  while (!printed.includes('"id":2')) printed += (await once(child.stdout, 'data'))[0]
  while (!printed.endsWith('\n')) printed += (await once(child.stdout, 'data'))[0]
  child.stdin.end()
  const [code] = await once(child, 'close')
  assert.equal(code, 0)
  for (const line of printed.trim().split('\n')) assert.equal(JSON.parse(line).jsonrpc, '2.0')
})

test('with --server a server speaks, with the voices of the account; a call that is cancelled cancels the request', async () => {
  const settings = { DATA_DIR: path.join(folder, 'server'), PORT: '0', BOOTSTRAP_API_KEY: KEY, RATE_LIMIT_RPM: '0' }
  const begun = withResolvers()
  const stopped = withResolvers()
  let isHeld = false
  const engine = createToneEngine(async (_, __, signal) => {
    if (!isHeld) return
    begun.resolve()
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    stopped.resolve()
  })
  await using server = await startServer(readConfig(settings, {}), quietLog, { engine })
  const there = await openTools(['--server', server.url], { CHATTERBOX_API_KEY: KEY })
  const wanted = { text: 'Hello.', voice: BUNDLED_VOICE_FILE, format: 'ogg' }
  const { mimeType, bytes } = audioOf(await there.call('speak', wanted))
  assert.deepEqual([mimeType, bytes.toString('latin1', 0, 4)], ['audio/ogg', 'OggS'])
  assert.equal((await there.call('speak', { text: 'Hello.' })).isError, undefined)
  assert.match(textOf(await there.call('list_voices')), /ada: Ada/)
  const refused = await there.call('speak', { text: 'Hello.', voice: '0'.repeat(32) })
  assert.match(textOf(refused), /There is no voice 0{32}/)
  isHeld = true
  const stop = new AbortController()
  const cancelled = assert.rejects(
    there.client.callTool({ name: 'speak', arguments: wanted }, undefined, { signal: stop.signal }),
  )
  await begun.promise
  stop.abort('enough')
  await Promise.all([cancelled, stopped.promise])
  await there.client.close()
})

test('a server without a key, and a URL that is none, are said in one line', async () => {
  for (const [args, message] of [
    [['--server', 'http://127.0.0.1:1'], /^error: --server needs a --key/],
    [['--server', 'nonsense', '--key', 'k'], /^error: --server: this is no URL/],
  ] as const) {
    const { code, stdout, stderr } = await runCommand(['mcp', ...args], {})
    assert.deepEqual([code, stdout.length], [1, 0])
    assert.match(stderr, message)
  }
})
