// The TypeScript in a page of docs/, compiled and run as whoever copies it would: in a folder where the package is installed.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { packageRoot } from '../../src/config.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'

const run = promisify(execFile)

export interface DocumentedCode {
  /** The caller removes it. */
  readonly folder: string
  /** Names of the examples, in the order of the page. */
  readonly examples: readonly string[]
  /** Runs one to its end, and returns what it printed. Throws when it fails. */
  run(example: string, environment: Readonly<Record<string, string>>): Promise<string>
}

/** Compiles every `ts` block of the page, strictly, as a file of its own. Beside them lies a `voice.wav`. */
export async function compileExamples(page: string): Promise<DocumentedCode> {
  assert.ok(existsSync(path.join(packageRoot, 'build/src/client/client.d.ts')), 'npm run build makes the types')
  const folder = await makeTemporaryFolder()
  const text = await readFile(path.join(packageRoot, page), 'utf8')
  const sources = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
  const examples = sources.map((_, i) => `example-${i + 1}`)
  await Promise.all(sources.map((source, i) => writeFile(path.join(folder, `${examples[i]}.ts`), source)))
  await writeFile(path.join(folder, 'package.json'), '{"type":"module"}')
  await copyFile(path.join(packageRoot, 'assets/reference.wav'), path.join(folder, 'voice.wav'))
  await linkModules(path.join(folder, 'node_modules'))
  const options = ['--strict', '--target', 'es2023', '--module', 'nodenext', '--types', 'node']
  const compiler = path.join(packageRoot, 'node_modules/typescript/bin/tsc')
  const compiled = run(process.execPath, [compiler, ...options, ...examples.map((name) => `${name}.ts`)], {
    cwd: folder,
  })
  await compiled.catch((error: { stdout?: string }) => assert.fail(error.stdout))
  return {
    folder,
    examples,
    async run(example, environment) {
      const { PATH = '', TMPDIR = '/tmp', HOME = '/nonexistent' } = process.env
      const env = { PATH, TMPDIR, HOME, ...environment }
      const { stdout, stderr } = await run(process.execPath, [`${example}.js`], { cwd: folder, env })
      assert.equal(stderr, '')
      return stdout
    },
  }
}

/** What is installed here, and this package beside it. */
async function linkModules(to: string): Promise<void> {
  await mkdir(to)
  const from = path.join(packageRoot, 'node_modules')
  for (const name of await readdir(from))
    if (!name.startsWith('.')) await symlink(path.join(from, name), path.join(to, name))
  await symlink(packageRoot, path.join(to, 'chatterbox-serverless'))
}
