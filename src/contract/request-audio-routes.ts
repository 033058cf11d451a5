// The route to the audio of a request, while it is made and afterwards.
import { OUTPUT_FORMATS } from './speech.ts'

export const REQUEST_AUDIO_ROUTES = {
  findAudio: {
    method: 'GET',
    path: '/v2/requests/{id}/audio',
    summary: 'Hear a request while it is spoken, or fetch its audio in any format',
    description:
      'While the request waits or runs, its audio is sent in chunks as it is made, from the beginning: the answer begins with the first sound and ends with the last. Hanging up stops nothing, and coming back begins anew. Afterwards it is the output, or the output in another `format`: the bytes that the same request would have had in it. Free, and never rate-limited; an account has 20 of these open at a time, and 2 conversions. What is to be heard live or converted must have been requested as WAV.',
    curl: `curl "$BASE/v2/requests/$REQUEST_ID/audio?format=mp3" -H "x-api-key: $KEY" -o speech.mp3`,
    access: 'key',
    query: 'RequestAudioQuery',
    headers: ['range'],
    responses: {
      200: {
        description: 'The audio.',
        media: Object.values(OUTPUT_FORMATS).map(([mediaType]) => mediaType),
        headers: ['x-seed-value', 'x-model', 'x-latency', 'server-timing'],
      },
      206: {
        description: 'A range of it; of the output as it is.',
        media: ['audio/*'],
        headers: ['content-range'],
      },
      304: { description: 'The copy you have is still right.' },
      422: { description: 'The request failed or was cancelled.', json: ['FailedRequest'] },
    },
    errors: ['request_not_found', 'not_found', 'range_not_satisfiable', 'overloaded', 'timeout'],
  },
} as const
