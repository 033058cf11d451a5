// `chatterbox workers`: who speaks.
import { Command } from 'commander'
import { describeWorkers } from '../../admin/describe.ts'
import { findWorkers } from '../../jobs/workers.ts'
import { withDatabase } from '../database.ts'
import { age, jsonOption, printJson } from '../operator.ts'
import { formatTable } from '../table.ts'

export const workersCommand = (): Command =>
  new Command('workers')
    .description('List the workers that were seen within the last 30 seconds.')
    .addOption(jsonOption())
    .action(({ json }: { json?: boolean }) =>
      withDatabase(async (db) => {
        const workers = await findWorkers(db)
        if (json) return printJson(describeWorkers(workers))
        if (workers.length === 0) return console.log('No worker is there.')
        const rows = workers.map(({ id, host, model, version, slots, startedAt, seenAt }) => [
          id,
          host,
          model,
          version,
          String(slots),
          age(startedAt),
          `${age(seenAt)} ago`,
        ])
        const headings = ['ID', 'HOST', 'MODEL', 'VERSION', 'SLOTS', 'UP', 'SEEN']
        console.log(formatTable(headings, rows, { right: ['SLOTS', 'UP', 'SEEN'] }))
      }),
    )
