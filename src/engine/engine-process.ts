// Entry of the engine process: loads the engine that its command line names and serves it to the parent.
import type { Engine, ModelName } from './engine.ts'
import type { EngineStart } from './engine-messages.ts'
import { serveEngine } from './engine-server.ts'
import { createPreviewEngine } from './preview/preview-engine.ts'

const start = JSON.parse(process.argv[2] ?? '{}') as EngineStart
process.title = `chatterbox engine (${start.model})`
await serveEngine(createEngine(start.model))

async function createEngine(model: ModelName): Promise<Engine> {
  if (model === 'preview') return createPreviewEngine()
  throw new Error(`this build has no engine for the model ${model}`)
}
