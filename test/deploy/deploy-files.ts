// The files of deploy/ as data.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { packageRoot } from '../../src/config.ts'

export const deployFolder = path.join(packageRoot, 'deploy')
export const readDeployFile = (name: string): string => readFileSync(path.join(deployFolder, name), 'utf8')

// biome-ignore lint/suspicious/noExplicitAny: what the tests ask of it, they find or they fail
export type Tree = any

export const readYaml = (name: string): Tree => parse(readDeployFile(name), { merge: true })
export const readYamlDocuments = (text: string): Tree[] => parseAllDocuments(text).map((document) => document.toJS())

export interface Instruction {
  readonly name: string
  readonly text: string
}

/** The instructions of each stage of the Dockerfile, continued lines joined. */
export function readDockerfile(): Instruction[][] {
  const lines = readDeployFile('Dockerfile')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
  const stages: Instruction[][] = []
  for (const line of lines) {
    const [, name = '', text = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? []
    if (name === 'FROM') stages.push([])
    stages.at(-1)?.push({ name, text: text.trim() })
  }
  return stages
}
