# One image for every program of the stack; docker-compose.yml says which one a container runs.
FROM node:24-slim AS page
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN node edge/page/build.ts

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY drizzle drizzle
COPY dev dev
COPY edge edge
COPY workers-node workers-node
COPY --from=page /app/edge/page/dist edge/page/dist
# A volume that is mounted here for the first time takes over whose it is.
RUN install -d -o node -g node /files /secrets
# By number, so that a cluster can tell that it is not root.
USER 1000:1000
CMD ["node", "edge/node.ts"]
