// Compares every network at full size with numbers of the official PyTorch code: `npm run parity -- FOLDER [part of a stage's name…]`.
// FOLDER holds the official inputs and results as safetensors. The checkpoint is synthetic: 4 GB, made on first use, kept in
// PARITY_CHECKPOINTS or the temporary folder. One line a comparison; exit code 1 if any fails.
import { tmpdir } from 'node:os'
import path from 'node:path'
import { conditionalsStages } from './conditionals.ts'
import { endToEndStages } from './end-to-end.ts'
import { flowStages } from './flow.ts'
import { frontEndStages } from './front-ends.ts'
import { type Stage, startParityRun } from './parity.ts'
import { t3Stages } from './t3.ts'
import { vocoderStages } from './vocoder.ts'
import { voiceNetworkStages } from './voice-networks.ts'

const STAGES: Readonly<Record<string, Stage>> = {
  ...frontEndStages,
  ...voiceNetworkStages,
  ...conditionalsStages,
  ...flowStages,
  ...vocoderStages,
  ...t3Stages,
  ...endToEndStages,
}

const [folder, ...parts] = process.argv.slice(2)
if (!folder) {
  console.error('Usage: npm run parity -- FOLDER [part of a stage name…]')
  process.exit(2)
}
using run = startParityRun(folder, process.env.PARITY_CHECKPOINTS ?? path.join(tmpdir(), 'synth'))
for (const [name, stage] of Object.entries(STAGES)) {
  if (parts.length > 0 && !parts.some((part) => name.includes(part))) continue
  console.log(`# ${name}`)
  await stage(run)
}
console.log(run.failures === 0 ? '# all within tolerance' : `# ${run.failures} outside tolerance`)
process.exitCode = run.failures === 0 ? 0 : 1
