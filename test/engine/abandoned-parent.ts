// Entry of a process that starts an engine process, tells its number, and waits to be killed.
import { createEngineHandle } from '../../src/engine/engine-handle.ts'
import { quietLog } from '../harness/quiet-log.ts'

const engine = createEngineHandle({
  start: { model: 'preview' },
  idleSeconds: 0,
  onStart: (pid) => process.stdout.write(`${pid}\n`),
  onCrash: () => {},
  log: quietLog,
})
await engine.info()
process.stdout.write('ready\n')
