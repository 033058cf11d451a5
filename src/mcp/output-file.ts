// Where a tool may write: new files in one folder. Who asks is a language model, and may have been talked into it.
import { access, realpath, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { AppError } from '../errors.ts'

const refuse = (message: string) => new AppError('invalid_parameter', message, { param: 'output' })

/** The path of `name` in `folder`. Throws AppError `invalid_parameter` where it lies elsewhere, links followed, or is there already. */
export async function findPlace(folder: string, name: string): Promise<string> {
  const root = await realpath(folder)
  const asked = path.resolve(root, name)
  const parent = await realpath(path.dirname(asked)).catch(() => undefined)
  if (parent === undefined) throw refuse(`output: there is no folder ${path.dirname(name)} in ${folder}.`)
  const file = path.join(parent, path.basename(asked))
  const within = path.relative(root, file)
  if (within.split(path.sep)[0] === '..' || path.isAbsolute(within)) {
    throw refuse(`output: files are written in ${folder} and below, and nowhere else.`)
  }
  const isTaken = await access(file).then(
    () => true,
    () => false,
  )
  if (isTaken) throw taken(name)
  return file
}

/** Never over a file that has come there meanwhile, and never through a link. */
export async function writeNewFile(file: string, bytes: Uint8Array): Promise<void> {
  await writeFile(file, bytes, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? taken(path.basename(file)) : error
  })
}

const taken = (name: string) => refuse(`output: ${name} is there already; choose another name.`)
