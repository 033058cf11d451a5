// What each test file has cost: for whoever wonders where the time of a run goes. Nothing is ever asserted of it.
import { appendFileSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { formatTable } from '../../src/cli/table.ts'

/** How run.ts tells the test processes where to write. */
export const COSTS_VARIABLE = 'TEST_COSTS_FILE'
const SHOWN = 12
const SECONDS_PER_TICK = 0.01

interface FileCost {
  readonly file: string
  readonly seconds: number
  /** Of processors, by the file's process and by those of its programs that it has seen the end of. */
  readonly processorSeconds: number
}

/** For the process of a test file, when it ends. */
export function writeFileCost(): void {
  const { [COSTS_VARIABLE]: to } = process.env
  if (!to) return
  const cost: FileCost = {
    file: process.argv[1] ?? '',
    seconds: process.uptime(),
    processorSeconds: processorSeconds(),
  }
  appendFileSync(to, `${JSON.stringify(cost)}\n`)
}

/** What Linux says; elsewhere the process alone. */
function processorSeconds(): number {
  try {
    // `pid (name with anything) state …`: own time in user and kernel mode, then that of children, are the 14th to 17th.
    const fields = readFileSync('/proc/self/stat', 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
      .slice(11, 15)
    return fields.reduce((sum, field) => sum + Number(field) * SECONDS_PER_TICK, 0)
  } catch {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  }
}

/** A table of the longest files, and the sum of all. */
export function describeFileCosts(from: string, testFolder: string): string {
  const costs = readFileSync(from, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as FileCost)
  const longest = costs.toSorted((a, b) => b.seconds - a.seconds).slice(0, SHOWN)
  const rows = longest.map(({ file, seconds, processorSeconds }) => [
    seconds.toFixed(0),
    processorSeconds.toFixed(0),
    path.relative(testFolder, file).replace(/\.js$/, '.ts'),
  ])
  const minutes = costs.reduce((sum, { processorSeconds }) => sum + processorSeconds, 0) / 60
  const table = formatTable(['SECONDS', 'OF PROCESSORS', 'FILE'], rows, { right: ['SECONDS', 'OF PROCESSORS'] })
  return `${table}\n${costs.length} files took ${minutes.toFixed(1)} minutes of processors`
}
