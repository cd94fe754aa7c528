/* What is put before the libraries of a Qt 5 program. Both functions replace one
   of a library and do nothing. */

/* Sonnet::SpellCheckDecorator::SpellCheckDecorator(QTextEdit *): no spell checking.
   Debian 12's Dianara dies when the first timeline arrives, for it deletes a text
   field whose decorator then asks the half-deleted field for something. */
void _ZN6Sonnet19SpellCheckDecoratorC1EP9QTextEdit(void *self, void *field) {}

/* QAccessible::updateAccessibility(QAccessibleEvent *): no events for a screen
   reader. Qt makes the object that describes a widget when the first event of the
   widget is sent. Dianara adds posts to a timeline that is disabled meanwhile, which
   sends one out of the constructor of QWidget: for good, the button or the label
   would be described as a QWidget without a name. */
void _ZN11QAccessible19updateAccessibilityEP16QAccessibleEvent(void *event) {}
