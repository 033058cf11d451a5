// Every schema that has a name in the OpenAPI document.
import { z } from 'zod'
import { creditsSchema } from './account.ts'
import { ADMIN_SCHEMAS } from './admin.ts'
import { ELEVENLABS_SCHEMAS } from './elevenlabs.ts'
import { errorBodySchema } from './errors.ts'
import { LONG_TEXT_SCHEMAS } from './long-text.ts'
import { OPENAI_SCHEMAS } from './openai.ts'
import { provenanceRequestSchema, provenanceSchema } from './provenance.ts'
import { requestAudioQuerySchema } from './request-audio.ts'
import {
  cancellationSchema,
  completedRequestSchema,
  completedStatusSchema,
  failedRequestSchema,
  pendingRequestSchema,
  requestQuerySchema,
  submittedRequestSchema,
} from './requests.ts'
import { asyncSpeechSchema, syncSpeechSchema } from './speech.ts'
import { studioFactsSchema, studioSignInSchema } from './studio.ts'
import { uploadedSchema, uploadSchema } from './uploads.ts'
import { usageQuerySchema, usageSchema } from './usage.ts'
import {
  newVoiceSchema,
  removedVoiceSchema,
  voiceChangesSchema,
  voiceListSchema,
  voiceQuerySchema,
  voiceSchema,
} from './voices.ts'
import {
  createdWebhookSchema,
  deliveryListSchema,
  deliveryQuerySchema,
  deliverySchema,
  newWebhookSchema,
  removedWebhookSchema,
  rotatedSecretSchema,
  webhookListSchema,
  webhookSecretSchema,
} from './webhooks.ts'

const healthSchema = z
  .object({ status: z.string() })
  .meta({ description: 'The answer to a probe.', examples: [{ status: 'ok' }] })

const readinessSchema = z
  .object({
    status: z.literal('ready'),
    workers: z
      .number()
      .describe('Workers seen within the last 30 seconds, on whatever machine. None: requests wait for one.'),
    models: z.array(z.string()).describe('What they speak with.'),
  })
  .meta({ description: 'Ready for requests.', examples: [{ status: 'ready', workers: 2, models: ['turbo'] }] })
export type Readiness = z.output<typeof readinessSchema>

export const SCHEMAS = {
  SpeechRequest: syncSpeechSchema,
  AsyncSpeechRequest: asyncSpeechSchema,
  SubmittedRequest: submittedRequestSchema,
  CompletedStatus: completedStatusSchema,
  CompletedRequest: completedRequestSchema,
  PendingRequest: pendingRequestSchema,
  FailedRequest: failedRequestSchema,
  Cancellation: cancellationSchema,
  RequestQuery: requestQuerySchema,
  RequestAudioQuery: requestAudioQuerySchema,
  Credits: creditsSchema,
  Upload: uploadSchema,
  Uploaded: uploadedSchema,
  ProvenanceRequest: provenanceRequestSchema,
  Provenance: provenanceSchema,
  NewVoice: newVoiceSchema,
  Voice: voiceSchema,
  VoiceChanges: voiceChangesSchema,
  VoiceList: voiceListSchema,
  VoiceQuery: voiceQuerySchema,
  RemovedVoice: removedVoiceSchema,
  NewWebhook: newWebhookSchema,
  CreatedWebhook: createdWebhookSchema,
  WebhookList: webhookListSchema,
  RemovedWebhook: removedWebhookSchema,
  WebhookSecret: webhookSecretSchema,
  RotatedSecret: rotatedSecretSchema,
  DeliveryQuery: deliveryQuerySchema,
  Delivery: deliverySchema,
  DeliveryList: deliveryListSchema,
  Health: healthSchema,
  Readiness: readinessSchema,
  StudioFacts: studioFactsSchema,
  StudioSignIn: studioSignInSchema,
  UsageQuery: usageQuerySchema,
  Usage: usageSchema,
  Error: errorBodySchema,
  ...LONG_TEXT_SCHEMAS,
  ...OPENAI_SCHEMAS,
  ...ELEVENLABS_SCHEMAS,
  ...ADMIN_SCHEMAS,
} as const satisfies Record<string, z.ZodType>
export type SchemaName = keyof typeof SCHEMAS
