/** Image addresses belong to the image Worker: the request goes on as it came, the answer comes back as it is. */
import type { App } from '../context.ts'

export function registerImages(app: App): void {
  for (const path of ['/img/*', '/cdn-cgi/image/*']) {
    app.on(['GET', 'HEAD'], path, async function forwardImage(c) {
      const answer = await c.env.IMAGES.fetch(c.req.raw)
      // A fresh Response: middleware adds headers, and those of a fetched one are frozen.
      return new Response(answer.body, answer)
    })
  }
}
