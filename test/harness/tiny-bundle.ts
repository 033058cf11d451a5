// A whole model at the tiny size, compiled into a temporary folder: everything real but the weights.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { compileCheckpoint } from '../../src/compile/compile.ts'
import { TINY } from '../../src/compile/dimensions.ts'
import { writeSyntheticCheckpoint } from '../../src/compile/synthetic/synthetic.ts'

export interface TinyBundle extends Disposable {
  readonly folder: string
}

export async function makeTinyBundle(model: 'turbo' | 'nano' = 'turbo'): Promise<TinyBundle> {
  const root = mkdtempSync(path.join(tmpdir(), 'tiny-bundle-'))
  const [checkpoint, folder] = [path.join(root, 'checkpoint'), path.join(root, model)]
  mkdirSync(checkpoint)
  writeSyntheticCheckpoint(checkpoint, model, TINY)
  await compileCheckpoint({ from: checkpoint, to: folder, precision: 'int8' }, new AbortController().signal)
  return { folder, [Symbol.dispose]: () => rmSync(root, { recursive: true }) }
}
