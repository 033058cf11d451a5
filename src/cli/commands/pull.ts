// `chatterbox pull`: the original checkpoint of a model from the hub, compiled on this machine.
import { Command } from 'commander'
import { installModel } from '../../compile/install.ts'
import type { Precision } from '../../compile/quantize.ts'
import { type Config, modelDirOf, readConfig } from '../../config.ts'
import { findInstalledModel, type InstallableModel } from '../../engine/installed-models.ts'
import {
  describeModel,
  modelArgument,
  precisionOption,
  selfTestEngine,
  showCompile,
  withModelWork,
} from '../model-work.ts'

interface PullCommandOptions {
  readonly precision: Precision
  readonly revision: string
  readonly keep?: boolean
  readonly from?: string
}

export const pullCommand = (): Command =>
  new Command('pull')
    .description('Download a model, compile it and try it. An interrupted download is continued.')
    .argument('<model>', 'turbo or nano', modelArgument)
    .addOption(precisionOption())
    .option('--revision <name>', 'branch, tag or commit of the repository; what it stands for now is recorded', 'main')
    .option('--from <folder>', 'take the checkpoint from a folder instead, e.g. on a machine without internet')
    .option('--keep', 'keep the downloaded checkpoint (3 GB)')
    .action(pull)

async function pull(model: InstallableModel, { precision, revision, keep, from }: PullCommandOptions): Promise<void> {
  const config = readConfig()
  const modelDir = modelDirOf(config)
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2)
  const { bundle, selfTest } = await withModelWork(
    'Interrupted; the same command continues the download.',
    (bar, signal) =>
      installModel(
        {
          model,
          modelDir,
          precision,
          hub: { endpoint: config.HF_ENDPOINT.replace(/\/+$/, ''), revision, token: config.HF_TOKEN },
          keepCheckpoint: keep === true,
          from,
          engine: selfTestEngine(config),
          onPull: ({ file, bytes, totalBytes }) =>
            bar.update(bytes / totalBytes, `${gigabytes(bytes)} of ${gigabytes(totalBytes)} GB, ${file}`),
          onRetry: (reason, waitMs) => console.error(`\n${reason}; trying again in ${Math.ceil(waitMs / 1000)} s`),
          onCompile: showCompile(bar),
        },
        signal,
      ),
  )
  const preferred = await findInstalledModel(modelDir, 'auto')
  console.log(
    `${describeModel(bundle.folder, bundle.manifest, selfTest)}\n\n${nextSteps(model, config, preferred?.manifest.model)}`,
  )
}

/** `preferred` is what MODEL=auto takes. */
function nextSteps(model: InstallableModel, { MODEL }: Config, preferred: InstallableModel | undefined): string {
  const chosen = MODEL === 'auto' ? preferred : MODEL
  const setting =
    chosen === model
      ? `MODEL=${MODEL} picks it up at the next start; a server that is running goes on with what it has.`
      : `MODEL=${MODEL} takes ${chosen}: set MODEL=${model} to use this one.`
  return `${setting}\n\n  chatterbox speak "Hi there. [laugh]" -o hi.wav\n  chatterbox serve`
}
