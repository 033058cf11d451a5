// The studio as Vite has built it, in memory: a dozen files, 200 kB, whose names are a closed list, so that no request leads elsewhere.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { packageRoot } from '../../config.ts'

export interface StudioFile {
  readonly bytes: Buffer
  readonly mediaType: string
  /** Whether its name has a hash of its content in it. */
  readonly isImmutable: boolean
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}
const HASHED = /-[\w-]{8}\.(js|css)$/
const FOLDER = path.join(packageRoot, 'build/studio')

/** By name below /studio/, and `index.html`, which is missing when the studio has not been built. */
export function readStudioFiles(folder = FOLDER): ReadonlyMap<string, StudioFile> {
  return new Map([...readFolder(folder), ...readFolder(path.join(folder, 'studio'))])
}

function readFolder(folder: string): [string, StudioFile][] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const mediaType = MEDIA_TYPES[path.extname(entry.name)]
      if (!entry.isFile() || mediaType === undefined) return []
      const bytes = readFileSync(path.join(folder, entry.name))
      return [[entry.name, { bytes, mediaType, isImmutable: HASHED.test(entry.name) }]]
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
