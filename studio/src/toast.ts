// One short message at the foot of the window, perhaps with a way back.
import { signal } from '@preact/signals'

export interface Toast {
  readonly text: string
  readonly action?: { readonly title: string; readonly run: () => void }
}

const SHOWN_MS = 8000
export const toast = signal<Toast | undefined>(undefined)
let timer: ReturnType<typeof setTimeout> | undefined

export function showToast(text: string, action?: Toast['action']): void {
  toast.value = action ? { text, action } : { text }
  clearTimeout(timer)
  timer = setTimeout(() => {
    toast.value = undefined
  }, SHOWN_MS)
}

export function hideToast(): void {
  clearTimeout(timer)
  toast.value = undefined
}
