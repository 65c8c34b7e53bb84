import { describe, expect, it } from "vitest";
import { CLASS, fleet, load, problemsOf } from "./manifests.ts";

const IMAGE = `registry.example/images@sha256:${"a".repeat(64)}`;
const withBuilder = (builder: string) =>
  fleet().replace(CLASS, `${CLASS.trimEnd()}\n  config: { builder: ${builder} }\n`);
const problemOf = (builder: string) => problemsOf(withBuilder(builder)).join("\n");

describe("a class's builder of configuration images", () => {
  it("is a program with sources and arguments, or one in a container", () => {
    const builder = (text: string) => load(withBuilder(text)).classes[0]!.manifest.spec.config.builder;
    expect(builder('{ name: command, source: images, command: [./make.sh], toolchain: "gcc 14" }')).toEqual({
      ...{ name: "command", source: "images", command: ["./make.sh"], toolchain: "gcc 14" },
      ...{ args: {}, environment: {}, timeLimitMinutes: 5 },
    });
    expect(builder(`{ name: image, image: "${IMAGE}", memory: 512m, args: { salt: 1 } }`)).toEqual({
      ...{ name: "image", image: IMAGE, memory: "512m", args: { salt: 1 } },
      ...{ environment: {}, timeLimitMinutes: 5 },
    });
  });

  it("is refused at its place, in words", () => {
    expect(problemOf("{ name: nvss }")).toMatch(
      /f.yaml:\d+:\d+ spec.config.builder.name: expected one of nvs, command, image; did you mean "nvs"\?/,
    );
    expect(problemOf("{ name: command }")).toMatch(/spec.config.builder.command: is required/);
    expect(problemOf("{ name: command, command: [] }")).toMatch(/builder.command: must name a program/);
    expect(problemOf('{ name: command, command: [make], source: "../.." }')).toMatch(
      /builder.source: must be a folder inside the project/,
    );
    expect(problemOf("{ name: command, command: [make], memory: 1g }")).toMatch(/memory: unknown field/);
    expect(problemOf("{ name: command, command: [make], environment: { LD_PRELOAD: x.so } }")).toMatch(
      /environment: sets a variable that belongs to/,
    );
    expect(problemOf("{ name: image, image: registry.example/images:latest }")).toMatch(
      /builder.image: must be name@sha256:…/,
    );
    expect(problemOf("{ name: nvs, command: [make] }")).toMatch(/command: unknown field/);
  });
});
