// The routes about the pieces of a request.

const errors = ['request_not_found', 'pieces_unavailable'] as const

export const LONG_TEXT_ROUTES = {
  followRequest: {
    method: 'GET',
    path: '/v2/requests/{id}/events',
    summary: 'Follow a request as it is spoken',
    description:
      'Server-sent events: `status`, a `piece` for each piece that is done, in order and with its index as id, and at last `done`. Whoever comes late or comes back is told of all pieces, or with `Last-Event-ID` of those after it. A comment every 15 seconds keeps the connection. Never rate-limited.',
    curl: `curl -N "$BASE/v2/requests/$REQUEST_ID/events" -H "x-api-key: $KEY"`,
    access: 'key',
    headers: ['last-event-id'],
    responses: {
      200: {
        description: 'Events `status`, `piece` and `done`, whose data are of these schemas, in this order.',
        media: ['text/event-stream'],
      },
      204: { description: '`Last-Event-ID` was that of `done`: there is nothing more to come.' },
    },
    errors: ['request_not_found'],
  },
  listPieces: {
    method: 'GET',
    path: '/v2/requests/{id}/pieces',
    summary: 'List the pieces of a request',
    description:
      'Pieces of a completed request that came through `/v2` can be played one by one as long as its output is kept. With retention `none` nothing is known of them any more. Never rate-limited.',
    curl: `curl "$BASE/v2/requests/$REQUEST_ID/pieces" -H "x-api-key: $KEY"`,
    access: 'key',
    responses: { 200: { description: 'The pieces.', json: ['PieceList'] } },
    errors,
  },
  regeneratePiece: {
    method: 'POST',
    path: '/v2/requests/{id}/pieces/{index}/regenerate',
    summary: 'Have one piece spoken again',
    description:
      'A new request, whose audio is that of the old one but for this piece, which is spoken with another seed. Its price is that of the characters of the piece. The old request stays as it is, and the new one can be changed in the same way. It needs a completed request of several pieces that came through `/v2`.',
    curl: `curl "$BASE/v2/requests/$REQUEST_ID/pieces/3/regenerate" -H "x-api-key: $KEY" -H 'content-type: application/json' \\
  -d '{"seed": 7}'`,
    access: 'key',
    rateLimited: 'speech',
    headers: ['idempotency-key'],
    body: { schema: 'Regenerate' },
    responses: {
      200: {
        description: 'The new request is accepted.',
        json: ['SubmittedRequest'],
        headers: [
          'x-ignored-parameters',
          'idempotent-replayed',
          'x-rate-limit-limit',
          'x-rate-limit-remaining',
          'x-rate-limit-reset-at-utc',
        ],
      },
    },
    errors: [...errors, 'not_completed', 'insufficient_credits', 'idempotency_conflict', 'overloaded'],
  },
  findTimings: {
    method: 'GET',
    path: '/v2/requests/{id}/timings',
    summary: 'See when what is said, or get subtitles',
    description:
      'Beginnings and ends of pieces are exact. Inside of a piece the model tells no times: cues that are cut out of one are `estimated`. Never rate-limited.',
    curl: `curl "$BASE/v2/requests/$REQUEST_ID/timings?format=srt" -H "x-api-key: $KEY" -o speech.srt`,
    access: 'key',
    query: 'TimingsQuery',
    responses: {
      200: { description: 'The times.', json: ['Timings'], media: ['application/x-subrip', 'text/vtt'] },
    },
    errors: [...errors, 'not_completed'],
  },
  downloadPiece: {
    method: 'GET',
    path: '/outputs/{token}/pieces/{file}',
    summary: 'Download a single piece',
    description: 'The URL is unguessable and needs no key. It is in `audio_url` of a piece.',
    curl: `curl "$PIECE" -o piece.wav`,
    access: 'anyone',
    headers: ['range'],
    responses: {
      200: { description: 'The piece.', media: ['audio/wav'] },
      206: { description: 'The range of it.', media: ['audio/wav'], headers: ['content-range'] },
      304: { description: 'The copy you have is still right.' },
    },
    errors: ['not_found', 'range_not_satisfiable'],
  },
} as const
