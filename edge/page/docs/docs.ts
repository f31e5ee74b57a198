type SwaggerUI = (options: Record<string, unknown>) => void

// Set by `swagger-ui-bundle.js`, which the document loads before this file.
const { SwaggerUIBundle } = window as unknown as { SwaggerUIBundle: SwaggerUI }

SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  // The badge would send the address of the document to a service elsewhere.
  validatorUrl: null,
  // Settings in the query string would let a link point this page at another server's document.
  queryConfigEnabled: false,
})
