// Findings: where the sources of one call contradict each other.

import { h } from "../dom.js";
import { text, time } from "../format.js";
import { toCall, toConnection } from "../router.js";

/** What a kind of finding means for whoever has to act on it. */
const MEANS = {
  "one-sided": "One leg has ended and the other lives on: nobody is left to talk to.",
  "media-without-signalling": "Media flows for a call that its signalling does not know.",
  "signalling-without-media": "The signalling knows a call that has no media.",
  "codec-mismatch": "The two ends of one stream use different codecs.",
  "address-mismatch": "The media goes to another address than the other end has.",
  "start-mismatch": "Two gateways say that it began at times that cannot both be right.",
};

/** The findings of one call, or of many. */
export const findingList = (findings, call) =>
  h(
    "ul",
    { class: "findings" },
    findings.map(finding => {
      const of = call ?? finding;
      return h(
        "li",
        { key: `${of.call}${of.connections?.[0]}${finding.kind}${finding.text}` },
        h("strong", { class: "finding" }, finding.kind),
        h("span", { class: "quiet" }, " since ", time(finding.since)),
        h("p", {}, finding.text),
        MEANS[finding.kind] && h("p", { class: "note" }, MEANS[finding.kind]),
        !call && links(of),
      );
    }),
  );

const links = ({ call, sources, connections }) =>
  h(
    "p",
    { class: "links" },
    call && h("a", { href: toCall(call, sources[0]) }, `call ${call}`),
    connections.map(name => {
      const slash = name.indexOf("/");
      return h("a", { href: toConnection(name.slice(0, slash), name.slice(slash + 1)) }, text(name));
    }),
  );
