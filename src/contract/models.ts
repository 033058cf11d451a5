// Which model slugs exist, and which once did.

/** The model this server speaks with, under the slug that clients already use. */
export const MODEL_SLUG = 'chatterbox-turbo-tts'

/** Retired slug → the slug to use instead. A retired model answers 410 instead of 404. */
export const RETIRED_MODELS: ReadonlyMap<string, string> = new Map()
