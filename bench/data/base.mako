<%def name="money(cents)"><% sign = "-" if cents < 0 else "" %>${sign}${abs(cents) // 100}.${"%02d" % (abs(cents) % 100)}</%def>
<%def name="field(label, value)">
    % if value is not None:
        <dt>${label}</dt><dd>${value|h}</dd>
    % endif
</%def>
<%def name="panel(title)">
<section class="panel"><h2>${title|h}</h2>
    ${caller.body()}
</section>
</%def>
<!doctype html>
<html>
<head><title>${self.title()|trim}</title></head>
<body>
    <nav>
    % for name, target in menu:
        <a href="${target|u}"${' class="here"' if name == here else ''}>${name|h}</a>
    % endfor
    </nav>
    ${next.body()}
    <footer>${len(orders)} orders, page made for ${user.name|h}</footer>
</body>
</html>
