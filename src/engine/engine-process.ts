// Entry of the engine process: loads the engine that its command line names and serves it to the parent.
import { createChatterboxEngine } from './chatterbox/chatterbox.ts'
import type { Engine } from './engine.ts'
import type { EngineStart } from './engine-messages.ts'
import { serveEngine } from './engine-server.ts'
import { createPreviewEngine } from './preview/preview-engine.ts'

const start = JSON.parse(process.argv[2] ?? '{}') as EngineStart
process.title = `chatterbox engine (${start.model})`
await serveEngine(createEngine(start))

function createEngine(start: EngineStart): Promise<Engine> {
  if (start.model === 'preview') return createPreviewEngine()
  return createChatterboxEngine(start.folder, { threads: start.threads })
}
