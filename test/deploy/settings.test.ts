// What the files of deploy/ set are settings that the program has.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SETTINGS } from '../../src/config.ts'
import { readDeployFile, readDockerfile, readYaml, readYamlDocuments, type Tree } from './deploy-files.ts'

const compose = readYaml('compose.yaml')
const base = ['service-account', 'gateway', 'worker', 'network-policies'].flatMap((name) =>
  readYamlDocuments(readDeployFile(`kubernetes/base/${name}.yaml`)),
)
const ours = [...base, ...readYamlDocuments(readDeployFile('kubernetes/components/model/pull.yaml'))].filter(
  ({ kind }) => kind === 'Deployment' || kind === 'Job',
)
const containerOf = (workload: Tree): Tree => workload.spec.template.spec.containers[0]
const programs: Tree[] = Object.values(compose.services).filter(({ image }: Tree) => image === 'chatterbox-serverless')

test('every setting that is set exists', () => {
  const known = new Set([...Object.keys(SETTINGS), 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'NODE_ENV'])
  const kustomizations = ['base', 'example'].flatMap(
    (name) => readYaml(`kubernetes/${name}/kustomization.yaml`).configMapGenerator,
  )
  const units = ['chatterbox', 'chatterbox-worker'].map((name) => readDeployFile(`systemd/${name}.service`))
  const set = [
    ...programs.flatMap(({ environment = {} }) => Object.keys(environment)),
    ...ours.flatMap((workload) => (containerOf(workload).env ?? []).map(({ name }: Tree) => name)),
    ...kustomizations.flatMap(({ literals }: Tree) => literals.map((literal: string) => literal.split('=')[0])),
    ...units.flatMap((unit) =>
      [...(/^Environment=(.*)$/m.exec(unit)?.[1] ?? '').matchAll(/(\w+)=/g)].map(([, name]) => name),
    ),
    ...[...readDeployFile('systemd/chatterbox.env').matchAll(/^(\w+)=/gm)].map(([, name]) => name),
    ...(readDockerfile().at(-1) ?? [])
      .filter(({ name }) => name === 'ENV')
      .flatMap(({ text }) => [...text.matchAll(/(\w+)=/g)].map(([, name]) => name)),
  ]
  assert.ok(set.length > 30)
  for (const name of set) assert.ok(known.has(String(name)), `${name} is no setting`)
})
