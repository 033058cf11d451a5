// `chatterbox compile`: a checkpoint folder on this machine, the original's or a fine-tune's, into a model the engine runs.
import { Command, Option } from 'commander'
import { findModel } from '../../compile/compile.ts'
import { compileAndTest } from '../../compile/install.ts'
import type { Precision } from '../../compile/quantize.ts'
import { modelDirOf, readConfig } from '../../config.ts'
import { bundleFolder, INSTALLABLE_MODELS, type InstallableModel } from '../../engine/installed-models.ts'
import { describeModel, precisionOption, selfTestEngine, showCompile, withModelWork } from '../model-work.ts'

interface CompileCommandOptions {
  readonly model?: InstallableModel
  readonly precision: Precision
  readonly output?: string
}

export const compileCommand = (): Command =>
  new Command('compile')
    .description('Compile a checkpoint folder into a model for the engine, and try it.')
    .argument(
      '<folder>',
      'the checkpoint: t3_turbo_v1 or t3_nano_v1, s3gen_meanflow and ve as .safetensors, and the tokenizer',
    )
    .addOption(new Option('--model <name>', 'which, where the folder holds both').choices(INSTALLABLE_MODELS))
    .addOption(precisionOption())
    .option('-o, --output <folder>', 'where to put it (default: where `serve` looks, MODEL_DIR)')
    .action(compile)

async function compile(folder: string, { model: wanted, precision, output }: CompileCommandOptions): Promise<void> {
  const config = readConfig()
  const { to, made } = await withModelWork('Interrupted; nothing was changed.', async (bar, signal) => {
    const model = wanted ?? (await findModel(folder))
    const to = output ?? bundleFolder(modelDirOf(config), model)
    const linked = output === undefined
    const onProgress = showCompile(bar)
    return {
      to,
      made: await compileAndTest(
        { from: folder, to, linked, model, precision, onProgress },
        selfTestEngine(config),
        signal,
      ),
    }
  })
  console.log(describeModel(to, made.manifest, made.selfTest))
}
