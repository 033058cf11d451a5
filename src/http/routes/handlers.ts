// Which function answers which route of the contract; a route without one does not compile.
import type { Handlers } from '../routing.ts'
import type { Services } from '../services.ts'
import { findCredits } from './account.ts'
import { buildAdminHandlers } from './admin.ts'
import { cancelRequest } from './cancel.ts'
import { downloadOutput, downloadUpload } from './downloads.ts'
import {
  findElevenLabsVoice,
  listElevenLabsModelsHandler,
  listElevenLabsVoices,
  removeElevenLabsVoice,
  searchVoices,
  speakElevenLabs,
  streamElevenLabs,
  unlessElevenLabs,
} from './elevenlabs.ts'
import { followRequest } from './events.ts'
import { downloadPiece, findTimings, listPieces, regeneratePiece } from './long-text.ts'
import { findModel, listAudioModels, listAudioVoices, listModels, speakOpenAI } from './openai.ts'
import { alive, ready, showMetrics } from './operations.ts'
import { showDocs, showOpenApi } from './pages.ts'
import { findProvenance } from './provenance.ts'
import { findAudio } from './request-audio.ts'
import { findRequest, findResult, findStatus } from './requests.ts'
import { speak } from './speak.ts'
import { showStudio, showStudioFacts, showStudioFile, signInToStudio } from './studio.ts'
import { submit } from './submit.ts'
import { upload } from './uploads.ts'
import { findUsage } from './usage.ts'
import { changeVoice, createVoice, deleteVoice, exportVoice, findVoice, listVoices, previewVoice } from './voices.ts'
import { listDeliveries, replayDelivery } from './webhook-deliveries.ts'
import {
  createWebhook,
  deleteWebhook,
  findWebhookSecret,
  listWebhooks,
  rotateAccountSecret,
  rotateWebhookSecret,
  testWebhook,
} from './webhooks.ts'

export function buildHandlers(services: Services): Handlers {
  return {
    speak: speak(services),
    submit: submit(services),
    findStatus: findStatus(services),
    findResult: findResult(services),
    cancelRequest: cancelRequest(services),
    findAudio: findAudio(services),
    findRequest: findRequest(services),
    followRequest: followRequest(services),
    listPieces: listPieces(services),
    regeneratePiece: regeneratePiece(services),
    findTimings: findTimings(services),
    downloadPiece: downloadPiece(services),
    downloadOutput: downloadOutput(services),
    findCredits: findCredits(services),
    usage: findUsage(services),
    upload: upload(services),
    findProvenance: findProvenance(services),
    downloadUpload: downloadUpload(services),
    createVoice: createVoice(services),
    listVoices: unlessElevenLabs(listVoices(services), listElevenLabsVoices(services)),
    findVoice: unlessElevenLabs(findVoice(services), findElevenLabsVoice(services)),
    changeVoice: changeVoice(services),
    previewVoice: previewVoice(services),
    exportVoice: exportVoice(services),
    deleteVoice: unlessElevenLabs(deleteVoice(services), removeElevenLabsVoice(deleteVoice(services))),
    createWebhook: createWebhook(services),
    listWebhooks: listWebhooks(services),
    testWebhook: testWebhook(services),
    rotateWebhookSecret: rotateWebhookSecret(services),
    findWebhookSecret: findWebhookSecret(services),
    rotateAccountSecret: rotateAccountSecret(services),
    listDeliveries: listDeliveries(services),
    replayDelivery: replayDelivery(services),
    deleteWebhook: deleteWebhook(services),
    openapi: showOpenApi(services),
    docs: showDocs(services),
    studio: showStudio(services),
    studioFile: showStudioFile(services),
    studioFacts: showStudioFacts(services),
    studioSignIn: signInToStudio(services),
    speakOpenAI: speakOpenAI(services),
    listModels: unlessElevenLabs(listModels(), listElevenLabsModelsHandler()),
    findModel: findModel(),
    listAudioVoices: listAudioVoices(services),
    listAudioModels: listAudioModels(),
    speakElevenLabs: speakElevenLabs(services),
    streamElevenLabs: streamElevenLabs(services),
    searchVoices: searchVoices(services),
    alive: alive(),
    ready: ready(services),
    metrics: showMetrics(services),
    ...buildAdminHandlers(services),
  }
}
