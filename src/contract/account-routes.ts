// What an account has, and what it has used.
import type { RouteContract } from './route.ts'

export const ACCOUNT_ROUTES = {
  findCredits: {
    method: 'GET',
    path: '/v1/get-user-credits',
    summary: 'Read the balance',
    description: 'Free and never rate-limited: also a way to test a key.',
    curl: `curl "$BASE/v1/get-user-credits" -H "x-api-key: $KEY"`,
    access: 'key',
    responses: { 200: { description: 'The balance.', json: ['Credits'] } },
    errors: ['credits_not_found'],
  },
  usage: {
    method: 'GET',
    path: '/v1/usage',
    summary: 'Read what was used',
    description:
      'Requests, characters, seconds of audio and cost of the account, by day, key or model. Never rate-limited.',
    curl: `curl "$BASE/v1/usage?from=2026-11-01&group_by=day" -H "x-api-key: $KEY"`,
    access: 'key',
    query: 'UsageQuery',
    responses: { 200: { description: 'The sums.', json: ['Usage'] } },
    errors: ['invalid_parameter'],
  },
} as const satisfies Record<string, RouteContract>
