/** A photo straight from the browser to the object store, a large one in parts: the API only signs and checks. */
import type { Id, Upload, UploadTarget } from './api.ts'
import { type Api, ApiError } from './http.ts'

/** Set by the browser itself; scripts may not. */
const FORBIDDEN = new Set(['content-length', 'host'])

/** A line that breaks off costs the part under way, and that comes again: three times more, after pauses. */
const PAUSES_MS = [1_000, 3_000, 9_000]

type Progress = (share: number) => void

/** Why a file was refused once it had arrived, for a person, who has announced nothing and begun no upload. By the problem's code. */
const REFUSALS: Readonly<Record<string, string>> = {
  'wrong-type': 'is not the kind of picture that its name says, or none at all. Choose another.',
  undecodable: 'is damaged or incomplete. Choose another.',
  'animated-image': 'moves. Choose a still picture.',
  'too-many-pixels': 'has too many pixels. Choose a smaller picture.',
  'wrong-size': 'did not arrive whole. Please try again.',
}

/** What sends one body, and what waits. */
export interface Sending {
  /** @throws ApiError with the status that the store answered, 0 for none */
  put(target: UploadTarget, body: Blob, onProgress: Progress): Promise<void>
  pause(ms: number): Promise<void>
}

const overTheNetwork: Sending = {
  put: putByRequest,
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}

/**
 * @param onProgress told the share that has been sent, 0 to 1
 * @returns the media's id, ready to be posted
 * @throws ApiError with a sentence that names the file where it is the file's fault
 */
export async function uploadPhoto(
  api: Pick<Api, 'call'>,
  file: File,
  alt: string,
  onProgress: Progress,
  sending = overTheNetwork,
): Promise<Id> {
  const announced = { contentType: file.type, bytes: file.size, alt }
  const media = await api.call<Upload>('/v1/media', { method: 'POST', body: announced })
  if (media.uploads.length === 0) throw new Error('the server named no place to send the photo to')
  const partBytes = media.partBytes ?? file.size
  // One after the other: a slow line is not made faster by sharing it.
  for (const [i, target] of media.uploads.entries()) {
    const start = i * partBytes
    const part = file.slice(start, start + partBytes)
    await putPatiently(target, part, (share) => onProgress((start + share * part.size) / file.size), sending)
  }
  try {
    await api.call(`/v1/media/${media.id}/complete`, { method: 'POST', body: {} })
  } catch (error) {
    throw refusalOf(error, file.name)
  }
  return media.id
}

function refusalOf(error: unknown, name: string): unknown {
  if (!(error instanceof ApiError)) return error
  const { status, code } = error
  const refusal = REFUSALS[code]
  return refusal === undefined ? error : new ApiError(status, { code, detail: `“${name}” ${refusal}` })
}

async function putPatiently(target: UploadTarget, body: Blob, onProgress: Progress, { put, pause }: Sending) {
  for (const ms of PAUSES_MS) {
    try {
      return await put(target, body, onProgress)
    } catch (error) {
      if (!isPassing(error)) throw error
    }
    await pause(ms)
  }
  return put(target, body, onProgress)
}

/** Whether the same bytes may be taken a moment later: the line broke off, or the store has too much to do. */
const isPassing = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500)

/** XMLHttpRequest, because fetch tells nothing about what has been sent. */
function putByRequest(target: UploadTarget, body: Blob, onProgress: Progress): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('PUT', target.url)
    for (const [name, value] of Object.entries(target.headers)) {
      if (!FORBIDDEN.has(name.toLowerCase())) request.setRequestHeader(name, value)
    }
    request.upload.onprogress = (event) => onProgress(event.total > 0 ? event.loaded / event.total : 0)
    request.onload = () => {
      if (request.status < 300) resolve()
      else reject(new ApiError(request.status, { detail: 'The photo was not accepted. Please try again.' }))
    }
    request.onerror = () => reject(new ApiError(0, { detail: 'The upload was interrupted. Please try again.' }))
    request.send(body)
  })
}
