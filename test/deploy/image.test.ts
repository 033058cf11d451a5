// The content of the image is enough, and is all that is needed: production dependencies, an ordinary user, nothing to write to but the
// two volumes and /tmp.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../../src/config.ts'
import { freePort } from '../harness/ports.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { assembleImage } from './assemble-image.ts'
import { readDockerfile } from './deploy-files.ts'

const START_WITHIN_MS = 60_000
const NOBODY = 65_534

const root = await makeTemporaryFolder()
after(() => rm(root, { recursive: true, force: true }))
const image = assembleImage(root)
const app = path.join(root, 'app')
const isRoot = process.getuid?.() === 0

async function makeVolume(name: string): Promise<string> {
  const folder = path.join(root, name)
  await mkdir(folder)
  await chmod(folder, 0o755)
  if (isRoot) await chown(folder, NOBODY, NOBODY)
  return folder
}

const runs = (program: readonly string[], environment: Record<string, string>) =>
  spawn(program[0] ?? '', program.slice(1), {
    env: environment,
    cwd: app,
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
  })

test('the files that npm would publish are in the image, and neither tests nor development dependencies', async () => {
  const { files } = JSON.parse(await readFile(path.join(packageRoot, 'package.json'), 'utf8'))
  for (const file of files.filter((name: string) => !name.startsWith('!')))
    await assert.doesNotReject(
      readFile(path.join(app, file)).catch((error) => error.code === 'EISDIR' || Promise.reject(error)),
      file,
    )
  assert.deepEqual((await readdir(path.join(app, 'build'))).sort(), ['src', 'studio'])
  const modules = await readdir(path.join(app, 'node_modules'))
  assert.ok(
    modules.includes('fastify') && !modules.includes('typescript') && !modules.includes('@biomejs'),
    `${modules}`,
  )
})

test('what the build needs is not kept out of it by .dockerignore, and secrets and data are', async () => {
  const lines = (await readFile(path.join(packageRoot, '.dockerignore'), 'utf8')).split('\n')
  const allowed = lines.flatMap((line) => /^!(.*)$/.exec(line)?.[1] ?? [])
  assert.ok(lines.includes('*') && lines.includes('**/.env*'))
  for (const { name, text } of readDockerfile().flat()) {
    if (name !== 'COPY' || text.startsWith('--from')) continue
    for (const source of text.split(/\s+/).slice(0, -1)) assert.ok(allowed.includes(source), `COPY ${source}`)
  }
  for (const source of ['data', 'deploy', '.git', 'node_modules', 'build']) assert.ok(!allowed.includes(source))
})

test('it starts, is healthy, speaks, and stops at SIGTERM', async () => {
  const [data, models, tmp] = [await makeVolume('data'), await makeVolume('models'), await makeVolume('tmp')]
  const port = await freePort()
  const key = 'cb_00000000000000000000000000000000'
  const { PATH = '' } = process.env
  const environment = {
    ...image.environment,
    PATH,
    TMPDIR: tmp,
    HOST: '127.0.0.1',
    PORT: String(port),
    DATA_DIR: data,
    MODEL_DIR: models,
    BOOTSTRAP_API_KEY: key,
    DEFAULT_VOICE: 'true',
    LOG_LEVEL: 'warn',
  }
  assert.deepEqual([image.entrypoint, image.command], [['tini', '--', 'chatterbox'], ['serve']])
  const server = runs([process.execPath, path.join(app, 'build/src/cli/cli.js'), ...image.command], environment)
  server.stdout?.resume()
  const ended = once(server, 'exit')
  try {
    const isHealthy = async () => {
      const [code] = await once(runs([process.execPath, ...image.healthCheck.slice(1)], environment), 'exit')
      return code === 0
    }
    for (const start = Date.now(); !(await isHealthy()); await sleep(200)) {
      assert.equal(server.exitCode, null, 'the server has ended')
      assert.ok(Date.now() - start < START_WITHIN_MS, 'not healthy in a minute')
    }
    const answer = await fetch(`http://127.0.0.1:${port}/v1/chatterbox-turbo-tts`, {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'From a container.', output_format: 'mp3' }),
    })
    assert.equal(
      answer.status,
      200,
      await answer
        .clone()
        .text()
        .then((text) => text.slice(0, 300)),
    )
    assert.ok((await answer.arrayBuffer()).byteLength > 5000)
    assert.deepEqual((await readdir(app)).sort(), [
      'LICENSE',
      'NOTICE.md',
      'assets',
      'build',
      'migrations',
      'node_modules',
      'package.json',
    ])
    const inDatabase = (await readdir(path.join(data, 'postgres'))).filter((name) => name.startsWith('binaries'))
    assert.deepEqual(inDatabase, [], 'the database runs from the image: no copy of its programs was needed')
    server.kill('SIGTERM')
    assert.deepEqual(await ended, [0, null])
    assert.equal(await isHealthy(), false)
  } finally {
    server.kill('SIGTERM')
    await ended
  }
})
