// The real handling of engine processes, with an entry whose engine costs little.
import path from 'node:path'
import {
  type EngineChild,
  type EngineChildOptions,
  startEngineChild as startTruly,
} from '../../../src/engine/engine-child.ts'

export * from '../../../src/engine/engine-child.ts'

export const startEngineChild = (options: EngineChildOptions): EngineChild =>
  startTruly({ ...options, entry: path.join(import.meta.dirname, 'cheap-engine-process.js') })
