// Stored and built-in voices.
import { RATE_LIMIT_HEADERS, type RouteContract } from './route.ts'

export const VOICE_ROUTES = {
  createVoice: {
    method: 'POST',
    path: '/v1/voices',
    summary: 'Keep a voice',
    description:
      'The recording is checked, and `checks` advises what would make the voice better; one that cannot be cloned is refused. The best 15 seconds of it are kept, until you delete the voice, whatever the retention of requests is. The same file under the same name is the voice you have already.',
    curl: `curl "$BASE/v1/voices" -H "x-api-key: $KEY" \\
  -F name='Anna' -F consent=true -F reference_audio=@voice.wav`,
    access: 'key',
    rateLimited: true,
    body: { schema: 'NewVoice', multipartFile: 'reference_audio' },
    responses: { 200: { description: 'The voice.', json: ['Voice'], headers: RATE_LIMIT_HEADERS } },
    errors: ['invalid_reference_audio', 'voice_limit_reached'],
  },
  listVoices: {
    method: 'GET',
    path: '/v1/voices',
    summary: 'List the voices you can speak with',
    description:
      'Whoever sends the key as `xi-api-key`, as clients of ElevenLabs’ API do, gets all of them at once, in that API’s shape.',
    curl: `curl "$BASE/v1/voices" -H "x-api-key: $KEY"`,
    access: 'key',
    query: 'VoiceQuery',
    responses: { 200: { description: 'A page of them.', json: ['VoiceList', 'ElevenLabsVoices'] } },
    errors: [],
  },
  findVoice: {
    method: 'GET',
    path: '/v1/voices/{id}',
    summary: 'Look up a voice',
    curl: `curl "$BASE/v1/voices/$VOICE_ID" -H "x-api-key: $KEY"`,
    access: 'key',
    responses: {
      200: { description: 'The voice; with `xi-api-key`, in ElevenLabs’ shape.', json: ['Voice', 'ElevenLabsVoice'] },
    },
    errors: ['not_found'],
  },
  changeVoice: {
    method: 'PATCH',
    path: '/v1/voices/{id}',
    summary: 'Rename or describe a voice',
    curl: `curl -X PATCH "$BASE/v1/voices/$VOICE_ID" -H "x-api-key: $KEY" -H 'content-type: application/json' \\
  -d '{"name": "Anna, warm"}'`,
    access: 'key',
    body: { schema: 'VoiceChanges' },
    responses: { 200: { description: 'The voice as it is now.', json: ['Voice'] } },
    errors: ['not_found'],
  },
  previewVoice: {
    method: 'GET',
    path: '/v1/voices/{id}/preview',
    summary: 'Hear the recording of a voice',
    description: 'The part of it that is kept, and that the voice is made from. Free.',
    curl: `curl "$BASE/v1/voices/ada/preview" -H "x-api-key: $KEY" -o ada.flac`,
    access: 'key',
    responses: { 200: { description: 'The recording.', media: ['audio/flac', 'audio/wav'] } },
    errors: ['not_found'],
  },
  exportVoice: {
    method: 'GET',
    path: '/v1/voices/{id}/export',
    summary: 'Download a voice',
    description:
      'What is kept of it, to be added elsewhere: the recording, or the voice file that it was added as. `chatterbox voices encode` makes a voice file of a recording.',
    curl: `curl "$BASE/v1/voices/$VOICE_ID/export" -H "x-api-key: $KEY" -o anna.flac`,
    access: 'key',
    responses: {
      200: { description: 'The file.', media: ['audio/flac', 'audio/wav', 'application/octet-stream'] },
    },
    errors: ['not_found'],
  },
  deleteVoice: {
    method: 'DELETE',
    path: '/v1/voices/{id}',
    summary: 'Delete a voice',
    description:
      'No request can name it from now on. Requests that wait or run with it are still spoken; with the last of them the recording is gone.',
    curl: `curl -X DELETE "$BASE/v1/voices/$VOICE_ID" -H "x-api-key: $KEY"`,
    access: 'key',
    responses: {
      200: {
        description: 'It is deleted; with `xi-api-key`, in ElevenLabs’ shape.',
        json: ['RemovedVoice', 'RemovedElevenLabsVoice'],
      },
    },
    errors: ['not_found'],
  },
} as const satisfies Record<string, RouteContract>
