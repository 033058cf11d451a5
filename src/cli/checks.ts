// The checks of `chatterbox doctor`: each looks at one thing and says what it found and what to do about it.
import { execFile } from 'node:child_process'
import { access, constants, mkdir, statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { listAccounts } from '../billing/accounts.ts'
import { type Config, modelDirOf, version } from '../config.ts'
import { verifyBundle } from '../engine/bundle.ts'
import { findInstalledModel } from '../engine/installed-models.ts'
import { openLocalVoices } from '../library/local-voices.ts'
import { createLog } from '../log.ts'
import { describeBlobPlace, openBlobs } from '../storage/open-blobs.ts'
import { speakLocally } from '../synthesis/local-speaker.ts'
import { withDatabase } from './database.ts'

export interface Finding {
  readonly name: string
  readonly state: 'ok' | 'warning' | 'failure'
  readonly found: string
  readonly advice?: string
}

export interface Check {
  readonly name: string
  readonly look: (config: Config) => Promise<Omit<Finding, 'name'>>
}

const MINIMUM_NODE = [20, 18] as const
// 60 MB of PostgreSQL binaries may be copied and a fresh cluster takes 40 MB; the rest is room to work.
const MINIMUM_FREE_BYTES = 500e6

const CHECKS: readonly Check[] = [
  { name: 'node', look: lookAtNode },
  { name: 'disk', look: lookAtDisk },
  { name: 'database', look: lookAtDatabase },
  { name: 'blobs', look: lookAtBlobs },
  { name: 'port', look: lookAtPort },
  { name: 'engine', look: lookAtEngine },
  { name: 'model', look: lookAtModel },
  { name: 'ffmpeg', look: lookAtFfmpeg },
]

/** Runs every check in order; one that throws has failed. `onFinding` is called as soon as each is known. */
export async function runChecks(
  config: Config,
  onFinding: (check: Check, finding: Finding) => void,
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const check of CHECKS) {
    const outcome = await check.look(config).catch((error: unknown) => ({
      state: 'failure' as const,
      found: error instanceof Error ? error.message : String(error),
    }))
    const finding: Finding = { name: check.name, ...outcome }
    findings.push(finding)
    onFinding(check, finding)
  }
  return findings
}

async function lookAtNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const found = `Node ${process.versions.node} on ${process.platform} ${process.arch}, chatterbox-serverless ${version}`
  const enough = major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])
  return enough
    ? { state: 'ok' as const, found }
    : { state: 'failure' as const, found, advice: `Install Node ${MINIMUM_NODE.join('.')} or newer.` }
}

async function lookAtDisk({ DATA_DIR }: Config) {
  const folder = path.resolve(DATA_DIR)
  await mkdir(folder, { recursive: true })
  await access(folder, constants.W_OK)
  const { bavail, bsize } = await statfs(folder)
  const freeBytes = bavail * bsize
  const found = `${folder} is writable, ${(freeBytes / 1e9).toFixed(1)} GB free`
  return freeBytes >= MINIMUM_FREE_BYTES
    ? { state: 'ok' as const, found }
    : { state: 'failure' as const, found, advice: 'Free some space, or set DATA_DIR to a larger disk.' }
}

async function lookAtDatabase(config: Config) {
  const startedAt = performance.now()
  return withDatabase(async (db, kind) => {
    const openedAt = performance.now()
    await listAccounts(db)
    const [opening, answer] = [openedAt - startedAt, performance.now() - openedAt].map((ms) => ms.toFixed(0))
    return { state: 'ok' as const, found: `${kind} PostgreSQL, ready in ${opening} ms, answers in ${answer} ms` }
  }, config)
}

async function lookAtBlobs(config: Config) {
  const startedAt = performance.now()
  await using _ = await openBlobs(config)
  const ms = (performance.now() - startedAt).toFixed(0)
  return { state: 'ok' as const, found: `${describeBlobPlace(config)} stores, reads, lists and deletes; ${ms} ms` }
}

async function lookAtPort({ HOST, PORT }: Config) {
  const problem = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const server = createServer()
      .once('error', resolve)
      .listen(PORT, HOST, () => server.close(() => resolve(undefined)))
  })
  if (problem === undefined) return { state: 'ok' as const, found: `${HOST}:${PORT} is free` }
  if (problem.code !== 'EADDRINUSE') throw problem
  const ours = await fetch(`http://${HOST}:${PORT}/healthz`).then(
    async (answer) => answer.ok && answer.headers.has('x-request-id'),
    () => false,
  )
  return ours
    ? { state: 'ok' as const, found: `${HOST}:${PORT} is in use by a running chatterbox server` }
    : {
        state: 'failure' as const,
        found: `${HOST}:${PORT} is in use by another program`,
        advice: 'Set PORT to a free one.',
      }
}

async function lookAtEngine(config: Config) {
  await using local = await openLocalVoices(config, createLog({ ...config, LOG_LEVEL: 'error' }))
  const { audioSeconds, timings, model } = await speakLocally(
    {
      text: 'All is well.',
      reference: { kind: 'default' },
      sampling: { temperature: 0.7, topP: 0.9, topK: 500, minP: 0, repetitionPenalty: 1.3 },
      seed: 1,
      normLoudness: true,
      format: 'wav',
    },
    local,
    () => {},
    new AbortController().signal,
  )
  const found = `the ${model} engine spoke ${audioSeconds.toFixed(1)} s in ${timings.engineSeconds.toFixed(2)} s`
  return { state: 'ok' as const, found }
}

async function lookAtModel(config: Config) {
  const folder = modelDirOf(config)
  const bundle = config.MODEL === 'preview' ? undefined : await findInstalledModel(folder, config.MODEL)
  if (bundle) {
    await verifyBundle(bundle, new AbortController().signal)
    const { model, precision, version } = bundle.manifest
    return {
      state: 'ok' as const,
      found: `${model}, ${precision}, version ${version}, every file as it was made, in ${bundle.folder}`,
    }
  }
  return {
    state: 'warning' as const,
    found: `no Chatterbox model in ${folder}: the preview engine answers, and says so with \`x-model: preview\``,
    advice: '`chatterbox pull turbo` downloads one and compiles it here; `--from FOLDER` takes a checkpoint you have.',
  }
}

async function lookAtFfmpeg() {
  const version = await promisify(execFile)('ffmpeg', ['-version']).then(
    ({ stdout }) => /^ffmpeg version (\S+)/.exec(stdout)?.[1] ?? 'of an unknown version',
    () => undefined,
  )
  return version !== undefined
    ? { state: 'ok' as const, found: `ffmpeg ${version}: m4a and aac references can be read` }
    : {
        state: 'warning' as const,
        found: 'no ffmpeg: m4a and aac references are refused; every other format is read without it',
        advice: 'Install ffmpeg if your users send m4a.',
      }
}
