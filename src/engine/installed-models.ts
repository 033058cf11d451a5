// Which compiled models there are in the folder of models: one subfolder each, or a link to one.
import { access, readlink } from 'node:fs/promises'
import path from 'node:path'
import { type Bundle, MANIFEST_FILE, openBundle } from './bundle.ts'

/** In the order in which `auto` prefers them. */
export const INSTALLABLE_MODELS = ['turbo', 'nano'] as const
export type InstallableModel = (typeof INSTALLABLE_MODELS)[number]

export const bundleFolder = (modelDir: string, model: InstallableModel): string => path.join(modelDir, model)

/** Where a bundle is for the moment in which a newer one takes its place; a machine that stopped in that moment leaves it there. */
export const replacedFolder = (folder: string): string => `${folder}.old`

/**
 * The bundle of this model, or undefined where none is installed. Its folder is what the link stands for now: it stays the same when
 * another version takes the link. A damaged one throws BundleError: it is not to be passed over in silence.
 */
export async function findInstalledModel(
  modelDir: string,
  wanted: InstallableModel | 'auto',
): Promise<Bundle | undefined> {
  for (const model of wanted === 'auto' ? INSTALLABLE_MODELS : [wanted]) {
    const folder = bundleFolder(modelDir, model)
    for (const place of [folder, replacedFolder(folder)])
      if (await exists(path.join(place, MANIFEST_FILE))) return openBundle(await behindLink(place))
  }
  return undefined
}

const behindLink = (folder: string): Promise<string> =>
  readlink(folder).then(
    (target) => path.resolve(path.dirname(folder), target),
    () => folder,
  )

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  )
