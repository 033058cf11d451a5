// What the tools need of whoever speaks: an engine of this machine, or a server.

export interface Wanted {
  readonly text: string
  /** Id of a voice, path or URL of a recording; undefined: the default voice. */
  readonly voice: string | undefined
  readonly seed: number | undefined
  readonly format: 'wav' | 'mp3' | 'ogg' | 'flac'
}

export interface Spoken {
  readonly bytes: Uint8Array
  readonly model: string
  readonly seed: number
}

export interface ListedVoice {
  readonly id: string
  readonly name: string
  readonly description: string | null
}

export interface ToolSpeaker extends AsyncDisposable {
  /** `onProgress`: pieces done, of how many; may never be called. */
  speak(wanted: Wanted, onProgress: (done: number, of: number) => void, signal: AbortSignal): Promise<Spoken>
  listVoices(signal: AbortSignal): Promise<readonly ListedVoice[]>
}

/** What a voice is called by: a bare word is an id, anything with a dot or slash in it a file. */
export function kindOfVoice(voice: string): 'id' | 'named' | 'file' {
  if (/^(https?|data|voice):/i.test(voice)) return 'named'
  return /^[\w-]{1,64}$/.test(voice) ? 'id' : 'file'
}
