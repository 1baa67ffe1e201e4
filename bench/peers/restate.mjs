// Restate's service in JavaScript: the same workflows as src/restate.rs, with steps side by side inside one handler.
// node restate.mjs PORT; slow steps are noted in the file that PEERS_STEPS names.

import { appendFileSync } from "node:fs";
import { createServer } from "node:http2";
import { createRequire } from "node:module";

// The SDK wants Node 22; this is all that it misses in Node 20.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new this((one, other) => ([resolve, reject] = [one, other]));
  return { promise, resolve, reject };
};

// The packages are beside the run, not beside this file.
const restate = createRequire(`${process.cwd()}/`)("@restatedev/restate-sdk");

const SLOW_STEPS = 30;
const SLOW_MS = 20;

const flows = restate.service({
  name: "Flows",
  handlers: {
    seq: async (ctx, number) => {
      let value = number;
      for (let step = 0; step < 10; step += 1) {
        const before = value;
        value = await ctx.run(() => before + 1);
      }
      return value;
    },
    fan: async (ctx, number) => {
      const steps = [];
      for (let step = 0; step < 100; step += 1) {
        steps.push(ctx.run(() => number + step));
      }
      const values = await restate.RestatePromise.all(steps);
      return values.reduce((sum, value) => sum + value, 0);
    },
    slow: async (ctx, number) => {
      let value = number;
      for (let step = 0; step < SLOW_STEPS; step += 1) {
        const before = value;
        value = await ctx.run(async () => {
          appendFileSync(process.env.PEERS_STEPS, `${BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6))}\n`);
          await new Promise((done) => setTimeout(done, SLOW_MS));
          return before + 1;
        });
      }
      return value;
    },
  },
});

createServer(restate.createEndpointHandler({ services: [flows] })).listen(Number(process.argv[2]), "127.0.0.1");
