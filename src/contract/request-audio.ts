// In which form the audio of a request is wanted.
import { z } from 'zod'
import { OUTPUT_FORMATS, type OutputFormat } from './speech.ts'

const formatNames = Object.keys(OUTPUT_FORMATS) as [OutputFormat, ...OutputFormat[]]

export const requestAudioQuerySchema = z
  .object({
    format: z
      .enum(formatNames, { error: `format must be one of ${formatNames.join(', ')}.` })
      .optional()
      .describe('Without it, that of the request. Another one can be had of an output that is WAV.'),
  })
  .meta({ description: 'How the audio is wanted.', examples: [{ format: 'mp3' }] })
