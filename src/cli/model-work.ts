// What `pull` and `compile` share: options, progress, and errors of checkpoints and hubs as one line.
import { InvalidArgumentError, Option } from 'commander'
import { CheckpointError } from '../compile/checkpoint/checkpoint-error.ts'
import type { CompileProgress } from '../compile/compile.ts'
import { HubError } from '../compile/hub/hub-error.ts'
import { NotABundleError } from '../compile/place-bundle.ts'
import { PRECISIONS } from '../compile/quantize.ts'
import { SelfTestError, type SelfTestReport } from '../compile/self-test.ts'
import type { Config } from '../config.ts'
import type { Manifest } from '../engine/bundle.ts'
import { INSTALLABLE_MODELS, type InstallableModel } from '../engine/installed-models.ts'
import { createLog, type Log } from '../log.ts'
import { createProgressBar, type ProgressBar } from './progress-bar.ts'
import { UsageError } from './usage-error.ts'

export const precisionOption = (): Option =>
  new Option(
    '--precision <name>',
    'int8: same seed, same speech, however many at once; int4: half the memory, not reproducible in company; fp32: the reference',
  )
    .choices(PRECISIONS)
    .default('int8')

export function modelArgument(value: string): InstallableModel {
  const model = INSTALLABLE_MODELS.find((name) => name === value)
  if (!model) throw new InvalidArgumentError(`It must be ${INSTALLABLE_MODELS.join(' or ')}.`)
  return model
}

/** In what the self-test runs; it tells of crashes itself. */
export const selfTestEngine = (config: Config): { readonly threads: number; readonly log: Log } => ({
  threads: config.ENGINE_THREADS,
  log: createLog({ ...config, LOG_LEVEL: 'warn' }),
})

/** What was made, where, and how it did in its self-test; some lines. */
export function describeModel(folder: string, manifest: Manifest, selfTest: SelfTestReport): string {
  const { model, precision, version, files, origin } = manifest
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const { loadSeconds, encodeSeconds, speakSeconds, audioSeconds } = selfTest
  return [
    `${folder}: ${model}, ${precision}, ${(bytes / 1e9).toFixed(2)} GB, version ${version}`,
    ...(origin ? [`Compiled from ${origin.repository} at ${origin.commit}.`] : []),
    `Self-test passed: loaded in ${loadSeconds.toFixed(1)} s, encoded the bundled recording in ${encodeSeconds.toFixed(1)} s,` +
      ` spoke ${audioSeconds.toFixed(1)} s of sound twice in ${speakSeconds.toFixed(1)} s, the same to the last sample.`,
  ].join('\n')
}

export const showCompile =
  (bar: ProgressBar) =>
  ({ step, done, total }: CompileProgress): void =>
    bar.update(done / total, `compiling ${step}`)

/** Runs the work with a progress bar and an end to it at Ctrl-C or SIGTERM. */
export async function withModelWork<T>(
  interrupted: string,
  work: (bar: ProgressBar, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const stop = () => controller.abort()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const bar = createProgressBar(process.stderr, { silent: process.stderr.isTTY !== true })
  try {
    return await work(bar, controller.signal)
  } catch (error) {
    if (controller.signal.aborted) throw new UsageError(interrupted)
    for (const kind of [CheckpointError, HubError, SelfTestError, NotABundleError])
      if (error instanceof kind) throw new UsageError(error.message, { cause: error })
    throw error
  } finally {
    bar.close()
    process.removeListener('SIGINT', stop)
    process.removeListener('SIGTERM', stop)
  }
}
