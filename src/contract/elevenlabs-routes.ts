// The routes for clients of ElevenLabs' text-to-speech API. Where a path is ours as well, the header `xi-api-key` tells who asks.

const RATE_LIMIT_HEADERS = ['x-rate-limit-limit', 'x-rate-limit-remaining', 'x-rate-limit-reset-at-utc'] as const
const SPEECH_HEADERS = [
  'x-seed-value',
  'x-model',
  'x-cost',
  'x-remaining-credits',
  'x-generation-time',
  'x-ignored-parameters',
  'idempotent-replayed',
  'server-timing',
  ...RATE_LIMIT_HEADERS,
] as const
const MEDIA = ['audio/mpeg', 'audio/ogg', 'audio/wav', 'audio/pcm', 'audio/basic', 'audio/x-alaw-basic'] as const

const speech = {
  method: 'POST',
  access: 'key',
  rateLimited: 'speech',
  errorShape: 'elevenlabs',
  headers: ['idempotency-key'],
  query: 'ElevenLabsQuery',
  body: { schema: 'ElevenLabsSpeechRequest' },
  errors: [
    'not_found',
    'text_too_long',
    'model_not_found',
    'invalid_reference_audio',
    'insufficient_credits',
    'idempotency_conflict',
    'overloaded',
    'cancelled',
    'timeout',
  ],
} as const

export const ELEVENLABS_ROUTES = {
  speakElevenLabs: {
    ...speech,
    path: '/v1/text-to-speech/{voice_id}',
    summary: 'Speak a text, for clients of ElevenLabs’ API',
    description: 'Answers when all of it is made, stored and charged. A failure is never charged.',
    curl: `curl "$BASE/v1/text-to-speech/ada?output_format=mp3_44100_128" -H "xi-api-key: $KEY" -H 'content-type: application/json' \\
  -d '{"text": "Hello there."}' -o speech.mp3`,
    responses: {
      200: {
        description: 'The audio.',
        media: MEDIA,
        headers: ['x-cold-start', 'x-output-metadata', ...SPEECH_HEADERS],
      },
    },
  },
  streamElevenLabs: {
    ...speech,
    path: '/v1/text-to-speech/{voice_id}/stream',
    summary: 'Speak a text while it is made, for clients of ElevenLabs’ API',
    description:
      'The audio is sent as it is made and charged by the piece; what is known at the end comes in trailers. A failure after the first byte breaks the connection off.',
    curl: `curl "$BASE/v1/text-to-speech/ada/stream" -H "xi-api-key: $KEY" -H 'content-type: application/json' \\
  -d '{"text": "Hello there."}' -o speech.mp3`,
    responses: {
      200: {
        description: 'The audio, in chunks.',
        media: MEDIA,
        headers: ['x-latency', 'x-audio-duration', ...SPEECH_HEADERS],
      },
    },
  },
  searchVoices: {
    method: 'GET',
    path: '/v2/voices',
    summary: 'Search the voices, for clients of ElevenLabs’ API',
    curl: `curl "$BASE/v2/voices?search=ada" -H "xi-api-key: $KEY"`,
    access: 'key',
    errorShape: 'elevenlabs',
    query: 'ElevenLabsVoiceQuery',
    responses: {
      200: {
        description: 'Yours, newest first, then the built-in ones.',
        json: ['ElevenLabsVoicePage'],
        headers: ['x-ignored-parameters'],
      },
    },
    errors: ['invalid_parameter'],
  },
} as const
