// Entry of a process that starts an engine process, tells its number, and waits to be killed.
import { createEngineHandle } from '../../src/engine/engine-handle.ts'
import { createLog } from '../../src/log.ts'

const engine = createEngineHandle({
  start: { model: 'preview' },
  idleSeconds: 0,
  onStart: (pid) => process.stdout.write(`${pid}\n`),
  onCrash: () => {},
  log: createLog({ LOG_LEVEL: 'silent', LOG_FORMAT: 'json' }),
})
await engine.info()
process.stdout.write('ready\n')
