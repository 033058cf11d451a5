// Which engine answers: the model that was asked for, the best one installed, or the preview.
import { BundleError } from './bundle.ts'
import type { EngineStart } from './engine-messages.ts'
import { bundleFolder, findInstalledModel, type InstallableModel } from './installed-models.ts'

export interface EngineWish {
  readonly model: 'auto' | 'preview' | InstallableModel
  /** Folder of compiled models. */
  readonly modelDir: string
  /** 0: one per processor, within reason. */
  readonly threads: number
}

/**
 * `auto` takes what is installed, else the preview. Throws BundleError where a model is asked for by name and is not there, and where
 * an installed one is damaged: nobody is to get the preview by mistake.
 */
export async function chooseEngine({ model, modelDir, threads }: EngineWish): Promise<EngineStart> {
  if (model === 'preview') return { model }
  const bundle = await findInstalledModel(modelDir, model)
  if (bundle) return { model: bundle.manifest.model, folder: bundle.folder, threads }
  if (model === 'auto') return { model: 'preview' }
  throw new BundleError(bundleFolder(modelDir, model), 'it is not there')
}
