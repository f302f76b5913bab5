// What the page can order, and what it says before it does.

import { order } from "./api.js";
import { confirm } from "./confirm.js";
import { age, count, counted, text } from "./format.js";

const NAME = "callserver.by";

/** Asks one gateway now. */
export const auditNow = gateway =>
  confirm({
    title: `Ask ${gateway.gateway} now?`,
    effects: [
      `The server asks ${gateway.gateway} for all its connections at once, and does not wait for the interval${gateway.interval ? ` of ${gateway.interval}` : ""}.`,
      gateway.requests
        ? `The last audit took ${counted(gateway.requests, "request")}.`
        : "How many requests it takes is not known yet.",
      "No call ends by being asked for.",
    ],
    button: `Ask ${gateway.gateway}`,
    act: async () => {
      await order(`/v1/gateways/${encodeURIComponent(gateway.gateway)}/audit`);
      return `${gateway.gateway} is being asked; its audit appears here when it ends.`;
    },
  });

/** Has a gateway end one connection. */
export const release = connection =>
  confirm({
    title: "End this connection?",
    effects: [
      `${connection.gateway} is told to end the connection from ${text(connection.originator)} to ${text(connection.remote)}, active for ${age(connection.ageSeconds)}.`,
      "Whoever talks on it is cut off. This cannot be undone.",
      "Its CDR ends with the gateway's own reply, and names you and your reason. If the gateway does not reply, nothing is closed.",
    ],
    button: "End the connection",
    isGrave: true,
    fields: [
      { name: "reason", label: "Reason" },
      { name: "by", label: "Your name", value: sessionStorage.getItem(NAME) ?? "" },
    ],
    act: async ({ reason, by }) => {
      sessionStorage.setItem(NAME, by);
      const answer = await order("/v1/connections/release", {
        gateway: connection.gateway,
        connection: connection.id,
        reason,
        by,
      });
      return `${connection.gateway} has ended it${answer?.cdr ? `; its CDR is ${answer.cdr}` : ""}.`;
    },
  });

/** Makes this server act. */
export const takeOver = (server, again) =>
  confirm({
    title: `Let ${server.name} take over?`,
    effects: [
      `${server.name} acts from now on, under epoch ${server.epoch + 1} or higher.`,
      `It asks all ${counted(server.gateways.total, "gateway")} at once to get the whole record.`,
      `${server.peer ? `The server at ${server.peer}` : "The other server"} stands by as soon as it hears of that epoch. Calls go on.`,
    ],
    button: `Take over with ${server.name}`,
    isGrave: true,
    act: async () => {
      await order("/v1/takeover");
      again();
      return `${server.name} takes over. The recovery shows what comes back.`;
    },
  });

/** Hands the work to the other server. */
export const stepDown = (server, again) =>
  confirm({
    title: `Let ${server.name} step down?`,
    effects: [
      `${server.name} asks ${server.peer ? `the server at ${server.peer}` : "the other server"} to act, and stands by once it does.`,
      `The other server asks all ${counted(server.gateways.total, "gateway")} at once. Calls go on.`,
      `Until it has answered, ${server.name} goes on.`,
    ],
    button: `Step down with ${server.name}`,
    isGrave: true,
    act: async () => {
      await order("/v1/stepdown");
      again();
      return `${server.name} has asked the other server to act.`;
    },
  });

/** Asks every gateway as a takeover would. */
export const dryRun = (server, requests, again) =>
  confirm({
    title: "Rehearse a takeover?",
    effects: [
      `${server.name} asks all ${counted(server.gateways.total, "gateway")} at once, the largest first, as after a takeover.`,
      requests
        ? `That is about ${count(requests)} requests, as many as their last audits took.`
        : "How many requests that takes is not known yet.",
      "The role does not change, and no call ends by being asked for. What the gateways tell is taken in as always.",
    ],
    button: "Rehearse it",
    act: async () => {
      await order("/v1/recoveries/dry-run");
      again();
      return "The gateways are being asked; the report fills while they answer.";
    },
  });
