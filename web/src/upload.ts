/** A photo straight from the browser to the object store: the API only signs and checks. */
import type { Id, Upload } from './api.ts'
import { type Api, ApiError } from './http.ts'

/** Set by the browser itself; scripts may not. */
const FORBIDDEN = new Set(['content-length', 'host'])

/** @param onProgress told the share that has been sent, 0 to 1. @returns the media's id, ready to be posted */
export async function uploadPhoto(api: Api, file: File, alt: string, onProgress: (share: number) => void): Promise<Id> {
  const announced = { contentType: file.type, bytes: file.size, alt }
  const media = await api.call<Upload>('/v1/media', { method: 'POST', body: announced })
  const [target] = media.uploads
  if (target === undefined) throw new Error('the server named no place to send the photo to')
  await put(target, file, onProgress)
  await api.call(`/v1/media/${media.id}/complete`, { method: 'POST', body: {} })
  return media.id
}

/** XMLHttpRequest, because fetch tells nothing about what has been sent. */
function put(target: Upload['uploads'][number], file: File, onProgress: (share: number) => void): Promise<void> {
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
    request.send(file)
  })
}
