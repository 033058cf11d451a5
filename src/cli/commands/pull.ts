// `chatterbox pull`: the original checkpoint of a model from the hub, compiled on this machine.
import { Command } from 'commander'
import { installModel } from '../../compile/install.ts'
import type { Precision } from '../../compile/quantize.ts'
import { modelDirOf, readConfig } from '../../config.ts'
import type { InstallableModel } from '../../engine/installed-models.ts'
import { modelArgument, precisionOption, showCompile, withModelWork } from '../model-work.ts'

interface PullCommandOptions {
  readonly precision: Precision
  readonly revision: string
  readonly keep?: boolean
  readonly from?: string
}

export const pullCommand = (): Command =>
  new Command('pull')
    .description('Download a model and compile it. An interrupted download is continued.')
    .argument('<model>', 'turbo or nano', modelArgument)
    .addOption(precisionOption())
    .option('--revision <name>', 'branch, tag or commit of the repository', 'main')
    .option('--from <folder>', 'take the checkpoint from a folder instead, e.g. on a machine without internet')
    .option('--keep', 'keep the downloaded checkpoint (3 GB)')
    .action(pull)

async function pull(model: InstallableModel, { precision, revision, keep, from }: PullCommandOptions): Promise<void> {
  const config = readConfig()
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2)
  const bundle = await withModelWork('Interrupted; the same command continues the download.', (bar, signal) =>
    installModel(
      {
        model,
        modelDir: modelDirOf(config),
        precision,
        hub: { endpoint: config.HF_ENDPOINT.replace(/\/+$/, ''), revision, token: config.HF_TOKEN },
        keepCheckpoint: keep === true,
        from,
        onPull: ({ file, bytes, totalBytes }) =>
          bar.update(bytes / totalBytes, `${gigabytes(bytes)} of ${gigabytes(totalBytes)} GB, ${file}`),
        onRetry: (reason, waitMs) => console.error(`\n${reason}; trying again in ${Math.ceil(waitMs / 1000)} s`),
        onCompile: showCompile(bar),
      },
      signal,
    ),
  )
  console.log(
    `${bundle.folder}: ${model}, ${precision}, version ${bundle.manifest.version}. It is used from the next start on.`,
  )
}
