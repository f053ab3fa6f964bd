"""Write page.html, the page of `dvc plots show`, with Vega inside: DVC's own loads it from a CDN.

    pip install vl-convert-python==1.9.0.post1
    python .dvc/plots/make_page.py

The bundle is Vega, Vega-Lite 5.21 and Vega-Embed as vl-convert carries them. DVC puts its plots where
`{plot_divs}` stands; without `{scripts}` it adds no address. The policy of the page lets it load nothing.
"""

from pathlib import Path

import vl_convert

LICENCE = """
Vega, Vega-Lite and Vega-Embed: Copyright (c) 2015-2023, University of Washington Interactive Data Lab.
All rights reserved.

Redistribution and use in source and binary forms, with or without modification, are permitted provided
that the following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the
   following disclaimer.
2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and
   the following disclaimer in the documentation and/or other materials provided with the distribution.
3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or
   promote products derived from this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED
WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A
PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR
ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT
LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS
INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR
TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF
ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; \
img-src 'self' file: data: blob:">
{refresh_tag}
<title>Plots</title>
<!-- Made by .dvc/plots/make_page.py.
LICENCE-->
<script>(() => {"use strict";
BUNDLE
})();
{
  const embed = window.vegaEmbed;
  const actions = {export: true, source: false, compiled: false, editor: false};
  window.vegaEmbed = (element, plot) => embed(element, plot, {actions});
}
</script>
<style>
body { font: 16px/1.4 system-ui, sans-serif; margin: 1rem; }
table { border-spacing: 15px; }
</style>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def main() -> None:
    """Write the page beside this script."""
    bundle = vl_convert.javascript_bundle(vl_version="5.21")
    taken = [mark for mark in ("</script", "{plot_divs}", "{scripts}", "{refresh_tag}") if mark in bundle]
    if taken:
        raise SystemExit(f"the bundle holds {', '.join(taken)}, which would not stay text")
    page = PAGE.replace("LICENCE", LICENCE).replace("BUNDLE", bundle)
    Path(__file__).with_name("page.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
