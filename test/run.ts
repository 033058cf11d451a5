// Runs the tests: all files on one embedded PostgreSQL, then those of the rooms that write SQL again on an ordinary PostgreSQL.
// `node build/test/run.js [part of a path…]` runs the files whose path contains one of the parts. What tests leave behind fails the run.
import { setMaxListeners } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os, { availableParallelism } from 'node:os'
import path from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../src/config.ts'
import {
  createTemplate,
  dropDatabase,
  SERVER_VARIABLE,
  startTestServer,
  TEMPLATE_VARIABLE,
  type TestServer,
} from './harness/database.ts'
import { COSTS_VARIABLE, describeFileCosts } from './harness/file-costs.ts'
import { findSecondDatabase, ROOMS_WITH_SQL } from './harness/second-database.ts'
import { findStrayProcesses } from './harness/strays.ts'

const testFolder = import.meta.dirname
const CONCURRENCY = availableParallelism() + 1 // tests of processes mostly wait for them
// The longest files take two minutes, and five on a busy machine; a file that hangs must not take the whole run with it.
const FILE_TIMEOUT_MS = 10 * 60_000

/**
 * They take longest, some by work and some by waiting for what only time brings, and begin first, so that the end of a run does not wait for one
 * of them. The table at the end of a run tells which they are.
 */
const LONGEST = [
  'chaos/partition',
  'audio/decode/hostile',
  'chaos/chaos',
  'engine/intelligibility',
  'studio/journey',
  'http/fuzz',
  'studio/accessibility',
  'studio/live',
  'cli/operator',
  'cli/blob-store',
  'jobs/kill',
  'studio/door',
].map((name) => path.join(testFolder, `${name}.test.js`))

interface Tally {
  passed: number
  readonly failed: string[]
  readonly skipped: string[]
}

/** Ctrl-C ends the tests and still tidies up. */
const interrupted = new AbortController()
setMaxListeners(0, interrupted.signal) // run() listens once for each file

async function main(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())
  const files = findFiles(process.argv.slice(2))
  const tally: Tally = { passed: 0, failed: [], skipped: [] }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tests-'))
  const temporaryFolder = path.join(folder, 'tmp')
  chmodSync(folder, 0o755)
  mkdirSync(temporaryFolder, { mode: 0o755 })
  process.env.TMPDIR = temporaryFolder
  const handles = pathToFileURL(path.join(testFolder, 'harness/open-handles.js')).href
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import ${handles}`.trim()

  const costs = path.join(folder, 'costs')
  process.env[COSTS_VARIABLE] = costs

  const server = await startTestServer()
  await runFiles(files, server, 'embedded PostgreSQL', tally).finally(() => server.close())
  if (interrupted.signal.aborted) tally.failed.push('interrupted')
  else await runOnSecondDatabase(files.filter(usesDatabase).filter(isOfRoomWithSql), tally)
  if (existsSync(costs)) console.log(`\n${describeFileCosts(costs, testFolder)}`)
  await failOnLeftovers(folder, temporaryFolder, tally)

  if (tally.passed + tally.failed.length === 0) tally.failed.push('no test was run')
  for (const skipped of tally.skipped) console.log(`SKIPPED ${skipped}`)
  for (const failed of tally.failed) console.log(`FAILED ${failed}`)
  console.log(`${tally.passed} passed, ${tally.failed.length} failed, ${tally.skipped.length} skipped`)
  process.exitCode = tally.failed.length > 0 ? 1 : 0
}

function findFiles(parts: readonly string[]): string[] {
  return readdirSync(testFolder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.js') && existsSync(sourceOf(file))) // not what a deleted file has left in build/
    .map((file) => path.join(testFolder, file))
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part.replace(/\.ts$/, '.js'))))
    .sort()
    .sort((a, b) => placeOf(a) - placeOf(b))
}

const placeOf = (file: string): number => (LONGEST.includes(file) ? LONGEST.indexOf(file) : LONGEST.length)

const sourceOf = (file: string): string => path.join(packageRoot, 'test', file.replace(/\.js$/, '.ts'))

const usesDatabase = (file: string): boolean => readFileSync(file, 'utf8').includes('/harness/database.js')

const isOfRoomWithSql = (file: string): boolean =>
  ROOMS_WITH_SQL.some((room) => path.relative(testFolder, file).startsWith(`${room}${path.sep}`))

async function runFiles(files: readonly string[], server: TestServer, database: string, tally: Tally): Promise<void> {
  process.env[SERVER_VARIABLE] = JSON.stringify(server.connection)
  process.env[TEMPLATE_VARIABLE] = server.template
  const tests = run({
    files: [...files],
    concurrency: CONCURRENCY,
    timeout: FILE_TIMEOUT_MS,
    signal: interrupted.signal,
  })
  const describe = (event: { file?: string; name: string }) =>
    `${path.relative(testFolder, event.file ?? '').replace(/\.js$/, '.ts')}: ${event.name} (${database})`
  tests.on('test:pass', (event) => {
    if (event.details.type === 'suite') return
    if (event.skip === undefined) tally.passed++
    else tally.skipped.push(`${describe(event)}: ${event.skip === true ? 'no reason given' : event.skip}`)
  })
  tests.on('test:fail', (event) => {
    if (event.details.type !== 'suite') tally.failed.push(describe(event))
  })
  for await (const text of tests.compose(new spec())) process.stdout.write(text)
}

async function runOnSecondDatabase(files: readonly string[], tally: Tally): Promise<void> {
  if (files.length === 0) return
  const second = await findSecondDatabase()
  if (second.kind === 'none') {
    tally.skipped.push(`the ${files.length} files of database tests on a second PostgreSQL: ${second.reason}`)
    return
  }
  console.log(`\n${files.length} files again, on PostgreSQL ${second.version}`)
  const template = await createTemplate(second.connection)
  const server = { connection: second.connection, template, close: () => dropDatabase(second.connection, template) }
  await runFiles(files, server, `PostgreSQL ${second.version}`, tally).finally(() => server.close())
}

async function failOnLeftovers(folder: string, temporaryFolder: string, tally: Tally): Promise<void> {
  for (const stray of await findStrayProcesses(folder)) {
    tally.failed.push(`left running: process ${stray.pid}, ${stray.command}`)
    process.kill(stray.pid, 'SIGKILL')
  }
  for (const name of readdirSync(temporaryFolder)) tally.failed.push(`left in the temporary folder: ${name}`)
  try {
    rmSync(folder, { recursive: true, force: true })
  } catch (error) {
    tally.failed.push(`left, and cannot be removed: ${error instanceof Error ? error.message : error}`)
  }
}

await main()
