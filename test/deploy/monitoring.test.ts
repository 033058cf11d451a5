// The dashboard and the alerts speak of the metrics that we export, and of all of them.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { packageRoot } from '../../src/config.ts'
import { createMetrics, watchQueue } from '../../src/metrics.ts'
import { runProgram, skipWithout } from '../harness/programs.ts'
import { deployFolder, readDeployFile, readYaml, type Tree } from './deploy-files.ts'

const metrics = createMetrics()
watchQueue(metrics, async () => ({ modes: [], workers: 0, slots: 0 }))
const exported = metrics.registry.getMetricsAsArray().map(({ name }) => name)

interface Expression {
  readonly place: string
  readonly expr: string
}
const dashboard = JSON.parse(readDeployFile('grafana/dashboard.json'))
const panels: Expression[] = dashboard.panels.flatMap((panel: Tree) =>
  (panel.targets ?? []).map((target: Tree) => ({ place: `panel ${panel.title}`, expr: target.expr })),
)
const rules: Tree[] = readYaml('prometheus/alerts.yml').groups.flatMap((group: Tree) => group.rules)
const alerts: Expression[] = rules.map((rule) => ({ place: `alert ${rule.alert}`, expr: rule.expr }))

/** A histogram is asked for by its parts. */
const namesIn = ({ expr }: Expression): string[] =>
  [...expr.matchAll(/\b(chatterbox|process|nodejs)_\w+/g)].map(([name]) =>
    exported.includes(name) ? name : name.replace(/_(bucket|sum|count)$/, ''),
  )

test('every metric that a panel or an alert asks for is exported', () => {
  assert.ok(panels.length > 10 && alerts.length > 5)
  for (const asked of [...panels, ...alerts]) {
    for (const name of namesIn(asked)) assert.ok(exported.includes(name), `${asked.place} asks for ${name}`)
  }
})

test('every metric of ours is on the dashboard (deploy/grafana/dashboard.json)', () => {
  const shown = new Set(panels.flatMap(namesIn))
  const missing = exported.filter((name) => name.startsWith('chatterbox_') && !shown.has(name))
  assert.deepEqual(missing, [])
})

test('labels that are filtered on are those that the metric has', () => {
  const labels = new Map<string, readonly string[]>()
  for (const metric of metrics.registry.getMetricsAsArray()) {
    labels.set(metric.name, (metric as unknown as { labelNames: string[] }).labelNames)
  }
  const ofPrometheus = ['le', 'job', 'instance']
  for (const asked of [...panels, ...alerts]) {
    for (const [, name = '', filters = ''] of asked.expr.matchAll(/\b((?:chatterbox|nodejs)_\w+)\{([^}]*)\}/g)) {
      const known = labels.get(name.replace(/_bucket$/, '')) ?? []
      for (const [, label = ''] of filters.matchAll(/(\w+)\s*(?:=|!)/g)) {
        assert.ok([...known, ...ofPrometheus].includes(label), `${asked.place}: ${name} has no label ${label}`)
      }
    }
  }
})

test('every alert says what to do, and operations.md lists it', () => {
  const operations = readFileSync(path.join(packageRoot, 'docs/operations.md'), 'utf8')
  for (const { alert, labels, annotations } of rules) {
    assert.match(labels.severity, /^(critical|warning)$/, alert)
    assert.ok(annotations.summary && annotations.description, alert)
    assert.ok(operations.includes(`\`${alert}\``), `docs/operations.md does not mention ${alert}`)
  }
})

test('panels have a place of their own and the data source of the variable', () => {
  const ids = dashboard.panels.map(({ id }: Tree) => id)
  assert.equal(new Set(ids).size, ids.length)
  const places = dashboard.panels.map(({ gridPos }: Tree) => `${gridPos.x},${gridPos.y}`)
  assert.equal(new Set(places).size, places.length)
  for (const { title, gridPos } of dashboard.panels) assert.ok(gridPos.x + gridPos.w <= 24, title)
  assert.equal(dashboard.templating.list[0].name, 'datasource')
})

const skip = skipWithout('promtool', 'Debian: prometheus')

test('Prometheus can read the rules, and each alert fires when it should', { skip }, async () => {
  const cwd = path.join(deployFolder, 'prometheus')
  const { code, output } = await runProgram('promtool', ['test', 'rules', 'alerts.test.yml'], { cwd })
  assert.equal(code, 0, output)
  const tested: Tree[] = readYaml('prometheus/alerts.test.yml').tests.flatMap((one: Tree) => one.alert_rule_test)
  for (const { alert } of rules) {
    const cases = tested.filter(({ alertname }) => alertname === alert)
    assert.ok(
      cases.some(({ exp_alerts }) => exp_alerts.length > 0),
      `no case in which ${alert} fires`,
    )
    assert.ok(
      cases.some(({ exp_alerts }) => exp_alerts.length === 0),
      `no case in which ${alert} is silent`,
    )
  }
})

test('Prometheus can read every expression of the dashboard, and its own settings', { skip }, async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'prometheus-'))
  t.after(() => rm(folder, { recursive: true }))
  const groups = [
    {
      name: 'dashboard',
      rules: panels.map(({ expr }, index) => ({
        record: `panel:${index}`,
        expr: expr.replaceAll('$__rate_interval', '1m'),
      })),
    },
  ]
  await writeFile(path.join(folder, 'dashboard.yml'), JSON.stringify({ groups }))
  const checked = await runProgram('promtool', ['check', 'rules', path.join(folder, 'dashboard.yml')])
  assert.equal(checked.code, 0, checked.output)
  const settings = path.join(deployFolder, 'prometheus/prometheus.yml')
  const { code, output } = await runProgram('promtool', ['check', 'config', '--syntax-only', settings])
  assert.equal(code, 0, output)
})
