// The whole API: every route by its name.

import { ACCOUNT_ROUTES } from './account-routes.ts'
import { ADMIN_ROUTES } from './admin-routes.ts'
import { ELEVENLABS_ROUTES } from './elevenlabs-routes.ts'
import { FILE_ROUTES } from './file-routes.ts'
import { LONG_TEXT_ROUTES } from './long-text-routes.ts'
import { OPENAI_ROUTES } from './openai-routes.ts'
import { REQUEST_AUDIO_ROUTES } from './request-audio-routes.ts'
import type { RouteContract } from './route.ts'
import { SERVICE_ROUTES } from './service-routes.ts'
import { SPEECH_ROUTES } from './speech-routes.ts'
import { VOICE_ROUTES } from './voice-routes.ts'
import { WEBHOOK_ROUTES } from './webhook-routes.ts'

export const ROUTES = {
  ...SPEECH_ROUTES,
  ...REQUEST_AUDIO_ROUTES,
  ...LONG_TEXT_ROUTES,
  ...ACCOUNT_ROUTES,
  ...FILE_ROUTES,
  ...VOICE_ROUTES,
  ...WEBHOOK_ROUTES,
  ...SERVICE_ROUTES,
  ...OPENAI_ROUTES,
  ...ELEVENLABS_ROUTES,
  ...ADMIN_ROUTES,
} as const satisfies Record<string, RouteContract>

export type RouteName = keyof typeof ROUTES
