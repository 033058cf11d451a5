// Entry of the engine process: loads the engine that its command line names and serves it to the parent. Ends with the parent.
import type { Engine, ModelName } from './engine.ts'
import type { EngineStart } from './engine-messages.ts'
import { serveEngine } from './engine-server.ts'
import { createPreviewEngine } from './preview/preview-engine.ts'

// Ctrl-C and `systemctl stop` signal the whole group; the parent decides when its requests in flight are done.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit(0))

const start = JSON.parse(process.argv[2] ?? '{}') as EngineStart
process.title = `chatterbox engine (${start.model})`
await serveEngine(await createEngine(start.model))

async function createEngine(model: ModelName): Promise<Engine> {
  if (model === 'preview') return createPreviewEngine()
  throw new Error(`this build has no engine for the model ${model}`)
}
