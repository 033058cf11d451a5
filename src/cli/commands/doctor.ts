// `chatterbox doctor`: is everything in order, and what to do where it is not.
import { Command } from 'commander'
import { readConfig } from '../../config.ts'
import { type Check, type Finding, runChecks } from '../checks.ts'

const MARKS = { ok: '✓', warning: '!', failure: '✗' } as const

export const doctorCommand = (): Command =>
  new Command('doctor')
    .description('Check Node, database, engine, disk, port and model, and say what to do.')
    .option('--json', 'print the findings as JSON')
    .action(async (options: { json?: boolean }) => {
      const findings = await runChecks(readConfig(), (check, finding) => {
        if (!options.json) console.log(line(check, finding))
      })
      if (options.json) console.log(JSON.stringify(findings, null, 2))
      const failures = findings.filter((finding) => finding.state === 'failure').length
      if (!options.json) console.log(failures === 0 ? '\nEverything needed is in order.' : `\n${failures} to mend.`)
      if (failures > 0) process.exitCode = 1
    })

function line(check: Check, finding: Finding): string {
  const text = `${MARKS[finding.state]} ${check.name.padEnd(10)} ${finding.found}`
  return finding.advice === undefined ? text : `${text}\n  ${' '.repeat(10)} → ${finding.advice}`
}
