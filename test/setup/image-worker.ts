/** Stands in for the image Worker in the api Worker's tests, which see only that requests reach it unchanged. */
export const IMAGE_WORKER = `export default {
  fetch: (request) => new Response(JSON.stringify({ url: request.url, accept: request.headers.get('accept') }), {
    headers: { 'content-type': 'application/json', 'cache-control': 'public, max-age=604800, immutable' },
  }),
}`
